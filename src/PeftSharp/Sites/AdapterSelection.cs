namespace PeftSharp.Sites;

/// <summary>
/// Which adapters act on a call: none, a composition on every row, or a choice per row. It never changes, and may serve any number of calls
/// and threads.
/// </summary>
public sealed class AdapterSelection
{
    private readonly AdapterTag[] _all;
    private readonly SelectionPart[] _parts;
    private readonly int[]? _rows; // the part of each row; -1 for none

    private AdapterSelection(SelectionPart[] parts, int[]? rows, LayerDrop? drop)
    {
        (_parts, _rows, Drop) = (parts, rows, drop);
        _all = [.. parts.SelectMany(part => part.Tree.Adapters).Distinct()];
        HasSplit = parts.Any(part => part.Tree.HasSplit);
    }

    /// <summary>No adapter: the base model.</summary>
    public static AdapterSelection None { get; } = new([], null, null);

    /// <summary>Every adapter that acts on at least one row, fusions included.</summary>
    public IReadOnlyList<AdapterTag> Adapters => _all;

    /// <summary>The distinct compositions.</summary>
    public IReadOnlyList<AdapterComposition> Compositions => [.. _parts.Select(part => part.Tree)];

    /// <summary>Which layers go without adapters; null for none.</summary>
    public LayerDrop? Drop { get; }

    /// <summary>The same, for loops that allocate nothing.</summary>
    internal ReadOnlySpan<AdapterTag> Tags => _all;

    /// <summary>The distinct compositions with their rows, for loops that allocate nothing.</summary>
    internal ReadOnlySpan<SelectionPart> Parts => _parts;

    /// <summary>True if rows differ.</summary>
    public bool IsPerRow => _rows is not null;

    /// <summary>The number of rows that a per-row selection was made for; 0 for any.</summary>
    public int Rows => _rows?.Length ?? 0;

    /// <summary>True if an adapter acts on some tokens alone.</summary>
    internal bool HasSplit { get; }

    /// <summary>The same adapters, one after the other in this order, on every row.</summary>
    public static AdapterSelection Of(params IReadOnlyList<AdapterTag> adapters) =>
        adapters.Count == 0 ? None : Of(AdapterComposition.StackOf([.. adapters.Select(AdapterComposition.Of)]));

    /// <summary>The same composition on every row.</summary>
    public static AdapterSelection Of(AdapterComposition composition) => new([new(composition, null)], null, null);

    /// <summary>One adapter, or none (null), for each row of the batch.</summary>
    public static AdapterSelection PerRow(IReadOnlyList<AdapterTag?> rows) => PerRow([.. rows.Select(tag => tag?.Acts)]);

    /// <summary>One composition, or none (null), for each row of the batch.</summary>
    public static AdapterSelection PerRow(IReadOnlyList<AdapterComposition?> rows)
    {
        AdapterComposition[] distinct = [.. rows.OfType<AdapterComposition>().Distinct()];
        if (distinct.Length == 0) return None;
        if (distinct.Length == 1 && rows.All(r => r is not null)) return Of(distinct[0]);
        int[] partOf = [.. rows.Select(row => row is null ? -1 : Array.IndexOf(distinct, row))];
        long[] RowsOf(int part) => [.. Enumerable.Range(0, partOf.Length).Where(row => partOf[row] == part).Select(row => (long)row)];
        return new([.. distinct.Select((tree, part) => new SelectionPart(tree, RowsOf(part)))], partOf, null);
    }

    /// <summary>The same adapters, but in none of the layers that a rule names; null for all layers.</summary>
    public AdapterSelection With(LayerDrop? drop) => new(_parts, _rows, drop);

    /// <summary>True if the adapter acts on any row.</summary>
    internal bool Includes(AdapterTag adapter) => Array.IndexOf(_all, adapter) >= 0;

    /// <summary>True if another selection says the same of every row and layer.</summary>
    internal bool IsSame(AdapterSelection other) => ReferenceEquals(this, other)
        || ReferenceEquals(Drop, other.Drop) && _parts.Select(part => part.Tree).SequenceEqual(other._parts.Select(part => part.Tree))
        && (_rows ?? []).SequenceEqual(other._rows ?? []);

    /// <summary>The same choice for a batch in which every row stands so many times, beside itself.</summary>
    internal AdapterSelection Repeat(int times)
    {
        if (_rows is not { } rows || times == 1) return this;
        long[] Repeated(long[] some) => [.. some.SelectMany(row => Enumerable.Range(0, times).Select(i => row * times + i))];
        return new([.. _parts.Select(part => new SelectionPart(part.Tree, Repeated(part.Rows!)))],
            [.. rows.SelectMany(row => Enumerable.Repeat(row, times))], Drop);
    }

    /// <summary>The index of the part of a row, where rows differ; -1 for none.</summary>
    internal int PartOfRow(int row) => _rows![row];

    /// <summary>The rows on which nothing acts, in order, where rows differ.</summary>
    internal long[] FreeRows => [.. Enumerable.Range(0, _rows!.Length).Where(row => _rows[row] < 0).Select(row => (long)row)];

    /// <summary>Outputs of the head of each row, where rows differ; null for as many as the base's.</summary>
    internal int? OutputsOfRow(int row) => _rows![row] < 0 ? null : _parts[_rows[row]].Tree.Outputs;

    /// <inheritdoc/>
    public override string ToString() => _parts.Length == 0 ? "no adapter" : string.Join(" | ", _parts.Select(part => part.Tree));
}
