using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Sites;

/// <summary>Collects the keys and values that adapters put before those of an attention, row by row.</summary>
/// <remarks>
/// Each row's own end right before its real keys, whatever other rows have: how far a key is from a query counts (relative positions,
/// windows).
/// </remarks>
internal sealed class AttentionPrefixes(long rows)
{
    private readonly List<(Tensor Keys, Tensor Values, long[]? Rows)> _blocks = []; // the last comes first in the sequence

    /// <summary>Keys of each row.</summary>
    public long[] RowLengths { get; } = new long[rows];

    /// <summary>Adds a block before those that were added earlier.</summary>
    /// <param name="keys">[1 or rows of the block, keyHeads, length, headDim].</param>
    /// <param name="values">The same shape.</param>
    /// <param name="index">Its rows, int64; null for all.</param>
    public void Add(Tensor keys, Tensor values, Tensor? index)
    {
        var own = Numbers(index);
        _blocks.Insert(0, (OnRows(keys, index), OnRows(values, index), own));
        Count(RowLengths, keys.shape[2], own);
    }

    /// <summary>Keys that each row has of a call's plug-ins.</summary>
    public static long[] Lengths(ReadOnlySpan<Share<IAttentionPlugin>> shares, long rows)
    {
        var lengths = new long[rows];
        foreach (var share in shares)
            if (share.Plugin is IAttentionPrefix prefix) Count(lengths, prefix.Length, Numbers(share.Rows));
        return lengths;
    }

    /// <summary>All keys and values, [rows, keyHeads, longest, headDim], shorter rows at the right; null for none.</summary>
    public (Tensor Keys, Tensor Values)? Join()
    {
        if (_blocks.Count == 0) return null;
        var (keys, values) = (cat([.. _blocks.Select(b => b.Keys)], 2), cat([.. _blocks.Select(b => b.Values)], 2));
        if (_blocks.All(b => b.Rows is null)) return (keys, values);
        var index = tensor(Places(), [rows, 1, RowLengths.Max(), 1], device: keys.device);
        return (Chosen(keys, index), Chosen(values, index));
    }

    private static Tensor Chosen(Tensor all, Tensor index) =>
        all.gather(2, index.expand(all.shape[0], all.shape[1], index.shape[2], all.shape[3]));

    // Which of the joined keys stands where in each row; before a row's own, any.
    private long[] Places()
    {
        var longest = RowLengths.Max();
        var places = new long[rows * longest];
        for (var row = 0L; row < rows; row++)
        {
            var (at, start) = ((row + 1) * longest - RowLengths[row], 0L);
            foreach (var block in _blocks)
            {
                var length = block.Keys.shape[2];
                if (block.Rows is null || block.Rows.Contains(row))
                    for (var i = 0L; i < length; i++) places[at++] = start + i;
                start += length;
            }
        }
        return places;
    }

    private static void Count(long[] lengths, long added, long[]? own)
    {
        if (own is null)
            for (var row = 0; row < lengths.Length; row++) lengths[row] += added;
        else
            foreach (var row in own) lengths[row] += added;
    }

    private static long[]? Numbers(Tensor? index) => index?.cpu().data<long>().ToArray();

    private Tensor OnRows(Tensor x, Tensor? index)
    {
        var shape = x.shape;
        if (index is null) return x.expand(rows, shape[1], shape[2], shape[3]);
        var some = x.expand(index.shape[0], shape[1], shape[2], shape[3]);
        return Rows.Add(zeros([rows, shape[1], shape[2], shape[3]], dtype: x.dtype, device: x.device), some, index);
    }
}
