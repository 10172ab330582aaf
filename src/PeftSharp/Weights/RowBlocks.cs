using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Weights;

/// <summary>
/// The rows of a weight that belong to one of several maps which share it: the same stretch of each of several blocks of equal height.
/// </summary>
/// <param name="Blocks">Number of blocks; 1 where each map's rows lie together (GPT-2), one a group of heads where they alternate
/// (Falcon).</param>
/// <param name="Height">Rows of a block.</param>
/// <param name="First">The stretch's first row in a block.</param>
/// <param name="Count">Rows of the stretch.</param>
internal sealed record RowBlocks(long Blocks, long Height, long First, long Count)
{
    /// <summary>Rows of the map.</summary>
    public long Rows => Blocks * Count;

    /// <summary>The rows, taken from a dimension of a tensor that has all of them.</summary>
    public Tensor Of(Tensor whole, int dim)
    {
        if (Blocks == 1) return whole.narrow(dim, First, Count);
        if (dim < 0) dim += (int)whole.dim();
        long[] before = whole.shape[..dim], after = whole.shape[(dim + 1)..];
        return whole.reshape([.. before, Blocks, Height, .. after]).narrow(dim + 1, First, Count).reshape([.. before, Rows, .. after]);
    }

    /// <summary>A copy of a weight, [all rows, in], with these rows replaced.</summary>
    public Tensor Put(Tensor whole, Tensor rows)
    {
        long[] after = whole.shape[1..];
        var parts = whole.reshape([Blocks, Height, .. after]);
        var last = First + Count;
        var joined = cat([parts.narrow(1, 0, First), rows.reshape([Blocks, Count, .. after]), parts.narrow(1, last, Height - last)], 1);
        return joined.reshape(whole.shape);
    }
}
