using PeftSharp.Interop;
using PeftSharp.Sites;
using PeftSharp.Weights;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Reparameterized.C3a;

/// <summary>ΔW of circulant blocks: number (k, j) of a block is w[(j − k) mod size] / in (Chen et al. 2024, arXiv 2407.19342).</summary>
/// <param name="kernel">The first rows of the blocks, [out / size, in / size, size].</param>
/// <param name="places">For each number of a block, row by row, which number of its first row it is, int64.</param>
internal sealed class C3aChange(AdapterTensor kernel, Tensor places) : WeightChange
{
    protected override Tensor Change(WeightStore weight, ForwardContext context)
    {
        var rows = kernel.Get(context);
        var size = rows.shape[2];
        var blocks = rows.index_select(2, places).view(rows.shape[0], rows.shape[1], size, size);
        return blocks.permute(0, 2, 1, 3).reshape(rows.shape[0] * size, rows.shape[1] * size).Times(1.0 / weight.InFeatures);
    }

    /// <summary>The places for a block size.</summary>
    public static long[] Places(long size)
    {
        var places = new long[size * size];
        for (var row = 0L; row < size; row++)
            for (var column = 0L; column < size; column++) places[row * size + column] = (column - row + size) % size;
        return places;
    }
}
