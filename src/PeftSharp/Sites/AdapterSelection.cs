namespace PeftSharp.Sites;

/// <summary>Which adapters act on a call: none, one or several on every row, or a choice per row. It never changes, and may serve any number of calls and threads.</summary>
public sealed class AdapterSelection
{
    private readonly AdapterTag[] _all;
    private readonly AdapterTag?[]? _rows;

    private AdapterSelection(AdapterTag[] all, AdapterTag?[]? rows) => (_all, _rows) = (all, rows);

    /// <summary>No adapter: the base model.</summary>
    public static AdapterSelection None { get; } = new([], null);

    /// <summary>Every adapter that acts on at least one row.</summary>
    public IReadOnlyList<AdapterTag> Adapters => _all;

    /// <summary>The same, for loops that allocate nothing.</summary>
    internal ReadOnlySpan<AdapterTag> Tags => _all;

    /// <summary>True if rows differ.</summary>
    public bool IsPerRow => _rows is not null;

    /// <summary>The number of rows that a per-row selection was made for; 0 for any.</summary>
    public int Rows => _rows?.Length ?? 0;

    /// <summary>The same adapters, acting together in this order, on every row.</summary>
    public static AdapterSelection Of(params IReadOnlyList<AdapterTag> adapters) => adapters.Count == 0 ? None : new([.. adapters], null);

    /// <summary>One adapter, or none (null), for each row of the batch.</summary>
    public static AdapterSelection PerRow(IReadOnlyList<AdapterTag?> rows)
    {
        AdapterTag[] distinct = [.. rows.OfType<AdapterTag>().Distinct()];
        if (distinct.Length == 0) return None;
        if (distinct.Length == 1 && rows.All(r => r is not null)) return Of(distinct[0]);
        return new(distinct, [.. rows]);
    }

    /// <summary>True if the adapter acts on any row.</summary>
    public bool Includes(AdapterTag adapter) => Array.IndexOf(_all, adapter) >= 0;

    /// <summary>The adapter of a row, where rows differ.</summary>
    internal AdapterTag? OfRow(int row) => _rows![row];

    /// <summary>The rows that the adapter (null: none) acts on, in order; null means all.</summary>
    internal long[]? RowsOf(AdapterTag? adapter) =>
        _rows is null ? null : [.. Enumerable.Range(0, _rows.Length).Where(i => ReferenceEquals(_rows[i], adapter)).Select(i => (long)i)];
}
