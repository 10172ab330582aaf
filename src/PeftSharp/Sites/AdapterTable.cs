namespace PeftSharp.Sites;

/// <summary>
/// What adapters have put at one seam. A change copies the table, so that calls read it without a lock while adapters come and go.
/// </summary>
internal sealed class AdapterTable<T> where T : class
{
    private Dictionary<AdapterTag, T[]> _items = [];

    private Dictionary<AdapterTag, T[]> Items => Volatile.Read(ref _items);

    /// <summary>True if no adapter has anything here.</summary>
    public bool IsEmpty => Items.Count == 0;

    /// <summary>Everything with its owner, in the order in which the adapters came.</summary>
    public IReadOnlyList<(AdapterTag Owner, T Item)> All => [.. Items.SelectMany(pair => pair.Value.Select(item => (pair.Key, item)))];

    /// <summary>What an adapter has put here.</summary>
    public T[] Of(AdapterTag adapter) => Items.TryGetValue(adapter, out var own) ? own : [];

    /// <summary>True if a selected adapter has anything here.</summary>
    public bool AnyOf(AdapterSelection selection)
    {
        var items = Items;
        if (items.Count == 0) return false;
        foreach (var adapter in selection.Tags)
            if (items.ContainsKey(adapter)) return true;
        return false;
    }

    /// <summary>Adds an item; the returned action takes it away again.</summary>
    public Action Add(AdapterTag owner, T item)
    {
        Change(owner, own => [.. own, item]);
        return () =>
            Change(
                owner,
                own =>
                    Array.FindIndex(own, other => ReferenceEquals(other, item)) is >= 0 and var at
                        ? [.. own[..at], .. own[(at + 1)..]]
                        : own);
    }

    private void Change(AdapterTag owner, Func<T[], T[]> change)
    {
        Dictionary<AdapterTag, T[]> before, after;
        do
        {
            before = Items;
            after = new(before);
            var own = change(before.GetValueOrDefault(owner, []));
            if (own.Length == 0) after.Remove(owner);
            else after[owner] = own;
        }
        while (Interlocked.CompareExchange(ref _items, after, before) != before);
    }
}
