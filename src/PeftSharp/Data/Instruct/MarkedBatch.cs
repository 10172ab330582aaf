using PeftSharp.Interop;
using static TorchSharp.torch;

namespace PeftSharp.Data.Instruct;

/// <summary>Makes batches of rows whose marked tokens are learnt.</summary>
internal static class MarkedBatch
{
    private const long NoLabel = -100;

    /// <summary>A batch of one or several of a dataset's rows in each of its own.</summary>
    /// <param name="data">Rows of <see cref="LabelKind.Tokens"/>.</param>
    /// <param name="rows">The sequences of each row of the batch.</param>
    /// <param name="padId">What fills rows up.</param>
    /// <param name="least">Tokens of a row at least.</param>
    /// <param name="packed">True numbers the sequences of each row.</param>
    public static TokenBatch Create(TokenizedDataset data, IReadOnlyList<int[]> rows, int padId, int least, bool packed)
    {
        LibTorch.EnsureLoaded();
        var twoStacks = rows.Any(row => row.Any(i => data.TypeIds(i).ContainsAnyInRange((byte)TokenMarks.Answer, byte.MaxValue)));
        return twoStacks ? TwoStacks(data, [.. rows.Select(row => row[0])], padId) : OneStack(data, rows, padId, least, packed);
    }

    private static TokenBatch OneStack(TokenizedDataset data, IReadOnlyList<int[]> rows, int padId, int least, bool packed)
    {
        var width = Math.Max(least, rows.Max(row => row.Sum(i => data.Lengths[i])));
        var cells = rows.Count * width;
        var (ids, mask, labels, segments) = (new long[cells], new long[cells], new long[cells], packed ? new long[cells] : null);
        Array.Fill(ids, padId);
        Array.Fill(labels, NoLabel);
        var real = 0;
        for (var r = 0; r < rows.Count; r++)
        {
            var at = r * width;
            for (var s = 0; s < rows[r].Length; s++)
            {
                var source = data.Ids(rows[r][s]);
                var marks = data.TypeIds(rows[r][s]);
                for (var t = 0; t < source.Length; t++, at++)
                {
                    (ids[at], mask[at]) = (source[t], 1);
                    if (!marks.IsEmpty && (marks[t] & TokenMarks.Learnt) != 0) labels[at] = source[t];
                    if (segments is not null) segments[at] = s + 1;
                }
            }
            real += at - r * width;
        }
        long[] shape = [rows.Count, width];
        return new TokenBatch
        {
            InputIds = Owned(tensor(ids, shape)),
            AttentionMask = Owned(tensor(mask, shape)),
            Labels = Owned(tensor(labels, shape)),
            Segments = segments is null ? null : Owned(tensor(segments, shape)),
            Source = [.. rows.Select(row => row[0])],
            Origin = data.Origin,
            RealTokens = real,
            Unpadded = real == cells,
        };
    }

    private static TokenBatch TwoStacks(TokenizedDataset data, int[] rows, int padId)
    {
        int Split(int row) => data.TypeIds(row).IndexOfAnyExcept((byte)0) is >= 0 and var at ? at : data.Lengths[row];
        var (width, most) = (rows.Max(Split), Math.Max(1, rows.Max(row => data.Lengths[row] - Split(row))));
        var (ids, mask, labels) = (new long[rows.Length * width], new long[rows.Length * width], new long[rows.Length * most]);
        Array.Fill(ids, padId);
        Array.Fill(labels, NoLabel);
        var real = 0;
        for (var r = 0; r < rows.Length; r++)
        {
            var source = data.Ids(rows[r]);
            var split = Split(rows[r]);
            for (var t = 0; t < split; t++) (ids[r * width + t], mask[r * width + t]) = (source[t], 1);
            for (var t = split; t < source.Length; t++) labels[r * most + t - split] = source[t];
            real += split;
        }
        return new TokenBatch
        {
            InputIds = Owned(tensor(ids, [rows.Length, width])),
            AttentionMask = Owned(tensor(mask, [rows.Length, width])),
            Labels = Owned(tensor(labels, [rows.Length, most])),
            Source = rows,
            Origin = data.Origin,
            RealTokens = real,
            Unpadded = real == ids.Length,
        };
    }

    private static Tensor Owned(Tensor tensor) => tensor.DetachFromDisposeScope();
}
