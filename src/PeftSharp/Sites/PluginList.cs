namespace PeftSharp.Sites;

/// <summary>The plug-ins at one site, by adapter. Adapters may come and go while calls are under way.</summary>
/// <typeparam name="T">The site's plug-in interface.</typeparam>
public sealed class PluginList<T> where T : class
{
    private readonly AdapterTable<T> _table = new();

    /// <summary>All plug-ins with their owners, as they are at this moment.</summary>
    public IReadOnlyList<(AdapterTag Owner, T Plugin)> Items => _table.All;

    /// <summary>Adds a plug-in; the returned action takes it away again.</summary>
    public Action Add(AdapterTag owner, T plugin) => _table.Add(owner, plugin);

    /// <summary>True if a plug-in of an active adapter sits here.</summary>
    public bool AnyActive(ForwardContext context) => _table.AnyOf(context.Selection);

    /// <summary>The plug-ins of one adapter.</summary>
    internal T[] Of(AdapterTag adapter) => _table.Of(adapter);

    /// <summary>What acts in this call on which rows, in the order of the selection.</summary>
    internal ReadOnlySpan<Share<T>> Shares(ForwardContext context)
    {
        if (_table.IsEmpty) return [];
        List<Share<T>>? shares = null;
        foreach (var adapter in context.Selection.Tags)
        {
            var plugins = _table.Of(adapter);
            if (plugins.Length == 0) continue;
            var (rows, inner) = (context.RowsOf(adapter), context.ForRowsOf(adapter));
            foreach (var plugin in plugins) (shares ??= []).Add(new(adapter, plugin, rows, inner));
        }
        return System.Runtime.InteropServices.CollectionsMarshal.AsSpan(shares);
    }
}
