using PeftSharp.Interop;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Sites;

/// <summary>Which keys each query may see, described and not built: the attention builds what its kernel wants, once a call.</summary>
/// <remarks>
/// Queries are the last of the keys. A prefix extends the description: its keys come before the others, and every query of its rows sees
/// them.
/// </remarks>
internal sealed class KeyMask
{
    private readonly IReadOnlyList<Prefix> _prefixes = [];

    // The layers of a call ask for the same extension.
    private KeyMask? _extended;

    /// <summary>Nothing is hidden.</summary>
    public KeyMask() { }

    private KeyMask(KeyMask basis, Prefix prefix)
    {
        (Causal, Window, Reach, Padding, Segments, Bias) =
            (basis.Causal, basis.Window, basis.Reach, basis.Padding, basis.Segments, basis.Bias);
        _prefixes = [prefix, .. basis._prefixes];
    }

    /// <summary>True hides keys that come after the query.</summary>
    public bool Causal { get; init; }

    /// <summary>So many keys, the query's own included, are seen at most (sliding window); null for all.</summary>
    public int? Window { get; init; }

    /// <summary>So many places before and after the query are seen at most (ModernBERT's local attention); null for all.</summary>
    public int? Reach { get; init; }

    /// <summary>1 at keys that may be seen, int64 [rows, keys]; null where nothing is padded.</summary>
    public Tensor? Padding { get; init; }

    /// <summary>
    /// Number of the sequence that each key belongs to, int64 [rows, keys]: queries see their own alone (packed rows); null for one a row.
    /// </summary>
    public Tensor? Segments { get; init; }

    /// <summary>What is added to the scaled scores by where query and key stand; null for none.</summary>
    public IKeyBias? Bias { get; init; }

    /// <summary>Number of keys that prefixes put before the others.</summary>
    public int PrefixLength => _prefixes.Sum(p => p.Length);

    /// <summary>True if nothing but the order of the keys hides any.</summary>
    internal bool IsPlain => Window is null && Reach is null && Padding is null && Segments is null && Bias is null && _prefixes.Count == 0;

    /// <summary>
    /// The same with as many keys put before all others as the row with the most has; a row sees the last of them, as many as it has.
    /// </summary>
    /// <param name="lengths">Keys of each row.</param>
    internal KeyMask WithPrefix(long[] lengths)
    {
        if (Array.TrueForAll(lengths, length => length == 0)) return this;
        var prefix = new Prefix(lengths);
        if (_extended is { } known && known._prefixes[0].IsSame(prefix)) return known;
        return _extended = new(this, prefix);
    }

    /// <summary>
    /// What is added to the scores, [rows or 1, heads or 1, queries or 1, keys]; null for nothing. It belongs to the call.
    /// </summary>
    /// <param name="rows">Rows of the batch.</param>
    /// <param name="queries">Queries a row.</param>
    /// <param name="keys">Keys a row, prefixes included.</param>
    /// <param name="type">Element type of the scores.</param>
    /// <param name="context">The call.</param>
    internal Tensor? Scores(long rows, long queries, long keys, ScalarType type, ForwardContext context)
    {
        var hidesNone = (!Causal || queries == 1) && Window is null && Reach is null && Padding is null && Segments is null && Bias is null
            && _prefixes.All(p => p.IsEverybodys);
        return hidesNone ? null : context.Once(this, () => Build(rows, queries, keys, type, context));
    }

    private Tensor Build(long rows, long queries, long keys, ScalarType type, ForwardContext context)
    {
        using var scope = NewDisposeScope();
        var device = context.Device;
        var real = keys - PrefixLength;
        var mask = Padding is null ? null : Hidden(Padding.Complement(), type).view(rows, 1, 1, real);
        if (Causal && queries > 1 || Window is not null || Reach is not null)
            mask = Sum(mask, Hidden(OutOfSight(queries, real, device), type).view(1, 1, queries, real));
        if (Segments is not null) mask = Sum(mask, Hidden(OtherSegments(queries, real), type).unsqueeze(1));
        if (_prefixes.Count > 0) mask = WithPrefixes(mask ?? zeros([1, 1, 1, real], dtype: type, device: device), rows, type, device);
        mask = Sum(mask, Bias?.Scores(queries, keys, context).to(type));
        return mask!.MoveToOuterDisposeScope();
    }

    private Tensor WithPrefixes(Tensor mask, long rows, ScalarType type, Device device)
    {
        var leading = mask.shape[0];
        var parts = _prefixes.Select(prefix => prefix.Scores(type, device)).ToList();
        if (parts.Any(p => p.shape[0] > 1)) leading = rows;
        Tensor Spread(Tensor part) => part.expand(leading, mask.shape[1], mask.shape[2], part.shape[3]);
        return cat([.. parts.Select(Spread), Spread(mask)], -1);
    }

    // 1 where a key comes after the query, lies before its window or beyond its reach, [queries, keys].
    private Tensor OutOfSight(long queries, long keys, Device device)
    {
        var query = Arithmetic.Range(keys - queries, keys, device: device).unsqueeze(1);
        var key = Arithmetic.Range(0, keys, device: device).unsqueeze(0);
        var hidden = Causal ? key.gt(query) : null;
        void Hide(Tensor more) => hidden = hidden is null ? more : hidden.logical_or(more);
        if (Window is { } window) Hide(query.Plus((long)-window).ge(key));
        if (Reach is { } reach)
        {
            Hide(query.Plus((long)-reach).gt(key));
            Hide(query.Plus((long)reach).lt(key));
        }
        return hidden!.to(ScalarType.Int64);
    }

    // 1 where query and key belong to different sequences, [rows, queries, keys].
    private Tensor OtherSegments(long queries, long keys)
    {
        var own = Segments!.narrow(1, keys - queries, queries).unsqueeze(2);
        return own.ne(Segments.unsqueeze(1)).to(ScalarType.Int64);
    }

    private static Tensor Hidden(Tensor hidden, ScalarType type) => hidden.to(type).Scale(Attention.Masked);

    private static Tensor? Sum(Tensor? a, Tensor? b) => a is null ? b : b is null ? a : a.Plus(b);

    // Keys before the others, and how many of them, at the end, each row sees.
    private sealed record Prefix(long[] RowLengths)
    {
        public int Length { get; } = (int)RowLengths.Max();

        public bool IsEverybodys => Array.TrueForAll(RowLengths, length => length == Length);

        public bool IsSame(Prefix other) => RowLengths.AsSpan().SequenceEqual(other.RowLengths);

        // [rows or 1, 1, 1, length]
        public Tensor Scores(ScalarType type, Device device)
        {
            if (IsEverybodys) return zeros([1, 1, 1, Length], dtype: type, device: device);
            var hidden = RowLengths.SelectMany(own => Enumerable.Range(0, Length).Select(i => i < Length - own ? 1L : 0)).ToArray();
            return Hidden(tensor(hidden, [RowLengths.Length, 1, 1, Length], device: device), type);
        }
    }
}
