using System.Diagnostics;
using PeftSharp.Data.Instruct;
using PeftSharp.Data.Storage;
using PeftSharp.Interop;
using static TorchSharp.torch;

namespace PeftSharp.Data;

/// <summary>
/// A dataset as token ids, ready to be cut into batches: in memory, or in a mapped file where they are many (<see cref="DataStorage"/>).
/// </summary>
/// <remarks>
/// Disposing it releases the tokens, not the rows that they were made of: dispose those too. Spans that were handed out end with it.
/// </remarks>
public sealed class TokenizedDataset : IRowBatches, IDisposable
{
    // Rows encoded before any of them is stored.
    private const int BlockRows = 8192;

    private readonly NumberStore<int> _ids;
    private readonly NumberStore<byte>? _typeIds;
    private readonly long[] _offsets;
    private readonly int _padId;

    private TokenizedDataset(TextDataset data, ITextEncoder encoder, int maxLength, CancellationToken cancellation)
    {
        Data = data;
        Origin = DataOrigin.Of(data, maxLength);
        _padId = encoder.PadId;
        _ids = new NumberStore<int>(data.Storage);
        _offsets = new long[data.Count + 1];
        var lengths = new int[data.Count];
        for (var start = 0; start < data.Count; start += BlockRows)
        {
            var (rows, truncated) =
                RowEncoder.Encode(data, start, Math.Min(BlockRows, data.Count - start), encoder, maxLength, cancellation);
            TruncatedRows += truncated;
            for (var i = 0; i < rows.Length; i++)
            {
                var row = rows[i];
                if (_typeIds is null && row.TypeIds is { } types && types.AsSpan().ContainsAnyExcept(0)) _typeIds = Zeros(_ids.Count);
                _ids.Append(row.Ids);
                _typeIds?.Append(
                    row.TypeIds is null ? new byte[row.Ids.Length] : Array.ConvertAll(row.TypeIds, type => checked((byte)type)));
                lengths[start + i] = row.Ids.Length;
                _offsets[start + i + 1] = _ids.Count;
            }
        }
        _ids.Finish();
        _typeIds?.Finish();
        Lengths = lengths;
        Tokens = _ids.Count;
    }

    /// <summary>The rows that were encoded, with their labels.</summary>
    public TextDataset Data { get; }

    /// <summary>What a model's answers depend on of it; every batch carries it.</summary>
    internal DataOrigin Origin { get; }

    /// <summary>Number of rows.</summary>
    public int Count => Lengths.Count;

    /// <summary>Tokens of each row, special tokens included.</summary>
    public IReadOnlyList<int> Lengths { get; }

    /// <summary>Tokens of all rows together.</summary>
    public long Tokens { get; }

    /// <summary>Rows that were cut to the maximum length.</summary>
    public int TruncatedRows { get; }

    /// <summary>True if the tokens lie in a file.</summary>
    internal bool OnDisk => _ids.OnDisk;

    /// <summary>Wall-clock seconds that encoding took.</summary>
    internal double Seconds { get; private init; }

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
        return new TokenizedDataset(data, encoder, maxLength, cancellation) { Seconds = watch.Elapsed.TotalSeconds };
    }

    /// <summary>Token ids of a row.</summary>
    public ReadOnlySpan<int> Ids(int row) => _ids.Slice(_offsets[row], Lengths[row]);

    /// <summary>Segment ids of a row, or marks where the data is of <see cref="LabelKind.Tokens"/>; empty means all zeros.</summary>
    public ReadOnlySpan<byte> TypeIds(int row) => _typeIds is null ? [] : _typeIds.Slice(_offsets[row], Lengths[row]);

    /// <inheritdoc/>
    public TokenBatch CreateBatch(ReadOnlySpan<int> indices) => CreateBatch(indices, 0);

    /// <summary>Makes the batch of some rows, padded to <paramref name="least"/> tokens at least.</summary>
    internal TokenBatch CreateBatch(ReadOnlySpan<int> indices, int least)
    {
        if (indices.IsEmpty) throw new ArgumentException("A batch needs at least one row.", nameof(indices));
        LibTorch.EnsureLoaded();
        if (Data.Kind == LabelKind.Tokens)
            return MarkedBatch.Create(this, [.. indices.ToArray().Select(row => (int[])[row])], _padId, least, packed: false);
        var (width, real) = (least, 0);
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
            Origin = Origin,
            RealTokens = real,
            Unpadded = real == cells,
        };
    }

    /// <summary>Makes a batch of which each row holds several of the dataset's rows.</summary>
    internal TokenBatch CreatePacked(IReadOnlyList<int[]> rows) => MarkedBatch.Create(this, rows, _padId, 0, packed: true);

    /// <summary>Releases the tokens; batches that were made stay.</summary>
    public void Dispose()
    {
        _ids.Dispose();
        _typeIds?.Dispose();
    }

    private NumberStore<byte> Zeros(long count)
    {
        var store = new NumberStore<byte>(Data.Storage);
        var zeros = new byte[1 << 16];
        for (; store.Count < count;) store.Append(zeros.AsSpan(0, (int)Math.Min(zeros.Length, count - store.Count)));
        return store;
    }

    private Tensor? LabelsOf(ReadOnlySpan<int> indices)
    {
        if (Data.Kind == LabelKind.None) return null;
        if (Data.Kind == LabelKind.MultiLabel) return SetsOf(indices, Data.Labels!.Count);
        var (classes, targets) = (new long[indices.Length], new float[indices.Length]);
        for (var r = 0; r < indices.Length; r++)
        {
            var example = Data.Examples[indices[r]];
            (classes[r], targets[r]) = (example.Label, example.Target);
        }
        return Owned(Data.Kind == LabelKind.Class ? tensor(classes) : tensor(targets));
    }

    // 1 at the classes that hold, float32, [rows, classes].
    private Tensor SetsOf(ReadOnlySpan<int> indices, int classes)
    {
        var held = new float[indices.Length * classes];
        for (var r = 0; r < indices.Length; r++)
            foreach (var label in Data.Examples[indices[r]].Labels ?? []) held[r * classes + label] = 1;
        return Owned(tensor(held, [indices.Length, classes]));
    }

    private static Tensor Owned(Tensor tensor) => tensor.DetachFromDisposeScope();
}
