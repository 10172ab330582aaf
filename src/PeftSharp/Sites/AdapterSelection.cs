namespace PeftSharp.Sites;

/// <summary>Which adapters act on a call: none, one or several on every row, or a choice per row.</summary>
public sealed class AdapterSelection
{
    private readonly IReadOnlyList<IReadOnlyList<AdapterTag>>? _rows;

    private AdapterSelection(IReadOnlyList<AdapterTag> all, IReadOnlyList<IReadOnlyList<AdapterTag>>? rows)
    {
        Adapters = all;
        _rows = rows;
    }

    /// <summary>No adapter: the base model.</summary>
    public static AdapterSelection None { get; } = new([], null);

    /// <summary>Every adapter that acts on at least one row.</summary>
    public IReadOnlyList<AdapterTag> Adapters { get; }

    /// <summary>True if rows differ.</summary>
    public bool IsPerRow => _rows is not null;

    /// <summary>The number of rows that a per-row selection was made for; 0 for any.</summary>
    public int Rows => _rows?.Count ?? 0;

    /// <summary>The same adapters, acting together in this order, on every row.</summary>
    public static AdapterSelection Of(params IReadOnlyList<AdapterTag> adapters) => adapters.Count == 0 ? None : new([.. adapters], null);

    /// <summary>One adapter, or none (null), for each row of the batch.</summary>
    public static AdapterSelection PerRow(IReadOnlyList<AdapterTag?> rows)
    {
        var distinct = rows.OfType<AdapterTag>().Distinct().ToArray();
        if (distinct.Length == 0) return None;
        if (distinct.Length == 1 && rows.All(r => r is not null)) return Of(distinct[0]);
        return new(distinct, [.. rows.Select(r => r is null ? Array.Empty<AdapterTag>() : [r])]);
    }

    /// <summary>True if the adapter acts on any row.</summary>
    public bool Includes(AdapterTag adapter) => Adapters.Contains(adapter);

    /// <summary>The rows that the adapter acts on, in order; null means all.</summary>
    internal long[]? RowsOf(AdapterTag adapter) =>
        _rows is null ? null : [.. Enumerable.Range(0, _rows.Count).Where(i => _rows[i].Contains(adapter)).Select(i => (long)i)];
}
