using System.Diagnostics;
using PeftSharp.Interop;
using static TorchSharp.torch;

namespace PeftSharp.Data;

/// <summary>A dataset as token ids, all in one array, ready to be cut into batches.</summary>
public sealed class TokenizedDataset
{
    private readonly int[] _ids;
    private readonly byte[]? _typeIds;
    private readonly int[] _offsets;
    private readonly int _padId;

    private TokenizedDataset(TextDataset data, EncodedText[] rows, int padId)
    {
        Data = data;
        _padId = padId;
        Lengths = [.. rows.Select(row => row.Ids.Length)];
        Tokens = Lengths.Sum(length => (long)length);
        if (Tokens > Array.MaxLength)
            throw new PeftException($"{data.Source} has {Tokens:N0} tokens, more than the {Array.MaxLength:N0} that fit one dataset; split it.");
        _ids = new int[Tokens];
        _offsets = new int[rows.Length + 1];
        _typeIds = rows.Any(row => row.TypeIds is { } types && types.Any(type => type != 0)) ? new byte[Tokens] : null;
        for (var i = 0; i < rows.Length; i++)
        {
            rows[i].Ids.CopyTo(_ids, _offsets[i]);
            _offsets[i + 1] = _offsets[i] + Lengths[i];
            if (_typeIds is null || rows[i].TypeIds is not { } types) continue;
            for (var t = 0; t < types.Length; t++) _typeIds[_offsets[i] + t] = checked((byte)types[t]);
        }
    }

    /// <summary>The rows that were encoded, with their labels.</summary>
    public TextDataset Data { get; }

    /// <summary>Number of rows.</summary>
    public int Count => Lengths.Count;

    /// <summary>Tokens of each row, special tokens included.</summary>
    public IReadOnlyList<int> Lengths { get; }

    /// <summary>Tokens of all rows together.</summary>
    public long Tokens { get; }

    /// <summary>Rows that were cut to the maximum length.</summary>
    public int TruncatedRows { get; private init; }

    /// <summary>Wall-clock seconds that encoding took.</summary>
    public double Seconds { get; private init; }

    /// <summary>Encodes a dataset on all cores. Rows that hold token ids are taken as they are, cut at their end.</summary>
    /// <param name="data">The rows.</param>
    /// <param name="encoder">Text to ids; called from several threads.</param>
    /// <param name="maxLength">Most tokens a row, special tokens included.</param>
    /// <param name="cancellation">Stops the work.</param>
    /// <exception cref="PeftException">A row has no token.</exception>
    public static TokenizedDataset Create(TextDataset data, ITextEncoder encoder, int maxLength, CancellationToken cancellation = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maxLength, 1);
        var watch = Stopwatch.StartNew();
        var (rows, truncated) = RowEncoder.Encode(data, encoder, maxLength, cancellation);
        return new TokenizedDataset(data, rows, encoder.PadId) { TruncatedRows = truncated, Seconds = watch.Elapsed.TotalSeconds };
    }

    /// <summary>Token ids of a row.</summary>
    public ReadOnlySpan<int> Ids(int row) => _ids.AsSpan(_offsets[row], Lengths[row]);

    /// <summary>Segment ids of a row; empty means all zeros.</summary>
    public ReadOnlySpan<byte> TypeIds(int row) => _typeIds is null ? [] : _typeIds.AsSpan(_offsets[row], Lengths[row]);

    /// <summary>Makes the batch of some rows, padded on the right to the longest of them.</summary>
    /// <remarks>The tensors belong to no dispose scope: the caller disposes the batch.</remarks>
    public TokenBatch CreateBatch(ReadOnlySpan<int> indices)
    {
        if (indices.IsEmpty) throw new ArgumentException("A batch needs at least one row.", nameof(indices));
        LibTorch.EnsureLoaded();
        var (width, real) = (0, 0);
        foreach (var row in indices)
        {
            width = Math.Max(width, Lengths[row]);
            real += Lengths[row];
        }
        var cells = indices.Length * width;
        var (ids, mask, types) = (new long[cells], new long[cells], _typeIds is null ? null : new long[cells]);
        for (var r = 0; r < indices.Length; r++)
        {
            var start = r * width;
            var source = Ids(indices[r]);
            for (var t = 0; t < source.Length; t++) ids[start + t] = source[t];
            ids.AsSpan(start + source.Length, width - source.Length).Fill(_padId);
            mask.AsSpan(start, source.Length).Fill(1);
            if (types is null) continue;
            var segments = TypeIds(indices[r]);
            for (var t = 0; t < segments.Length; t++) types[start + t] = segments[t];
        }
        long[] shape = [indices.Length, width];
        return new TokenBatch
        {
            InputIds = Owned(tensor(ids, shape)),
            AttentionMask = Owned(tensor(mask, shape)),
            TokenTypeIds = types is null ? null : Owned(tensor(types, shape)),
            Labels = LabelsOf(indices),
            Source = indices.ToArray(),
            RealTokens = real,
            Unpadded = real == cells,
        };
    }

    private Tensor? LabelsOf(ReadOnlySpan<int> indices)
    {
        if (Data.Kind == LabelKind.None) return null;
        var (classes, targets) = (new long[indices.Length], new float[indices.Length]);
        for (var r = 0; r < indices.Length; r++)
        {
            var example = Data.Examples[indices[r]];
            (classes[r], targets[r]) = (example.Label, example.Target);
        }
        return Owned(Data.Kind == LabelKind.Class ? tensor(classes) : tensor(targets));
    }

    private static Tensor Owned(Tensor tensor) => tensor.DetachFromDisposeScope();
}
