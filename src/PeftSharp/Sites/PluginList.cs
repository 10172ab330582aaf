using PeftSharp.Interop;
using static TorchSharp.torch;

namespace PeftSharp.Sites;

/// <summary>The plug-ins at one site, in the order in which their adapters were attached.</summary>
/// <typeparam name="T">The site's plug-in interface.</typeparam>
public sealed class PluginList<T> where T : class
{
    private readonly List<(AdapterTag Owner, T Plugin)> _items = [];

    /// <summary>All plug-ins with their owners.</summary>
    public IReadOnlyList<(AdapterTag Owner, T Plugin)> Items => _items;

    /// <summary>Adds a plug-in; the returned action takes it away again.</summary>
    public Action Add(AdapterTag owner, T plugin)
    {
        var item = (owner, plugin);
        _items.Add(item);
        return () => _items.Remove(item);
    }

    /// <summary>True if a plug-in of an active adapter sits here.</summary>
    public bool AnyActive(ForwardContext context)
    {
        foreach (var (owner, _) in _items)
            if (context.Selection.Includes(owner)) return true;
        return false;
    }

    /// <summary>The plug-ins that act in this call, in the order of the selection.</summary>
    public IEnumerable<(AdapterTag Owner, T Plugin)> Active(ForwardContext context)
    {
        if (_items.Count == 0) yield break;
        foreach (var adapter in context.Selection.Adapters)
            foreach (var item in _items)
                if (ReferenceEquals(item.Owner, adapter)) yield return item;
    }
}

/// <summary>Applying a plug-in to the rows that its adapter acts on.</summary>
internal static class Rows
{

    /// <summary>The rows of a tensor that an index selects; null selects all.</summary>
    public static Tensor Select(Tensor x, Tensor? rows) => rows is null ? x : x.index_select(0, rows);

    /// <summary>Adds <paramref name="delta"/>, computed for the selected rows, to <paramref name="y"/>.</summary>
    public static Tensor Add(Tensor y, Tensor delta, Tensor? rows) => rows is null ? y.Plus(delta) : y.PlusAt(rows, delta);

    /// <summary>Puts <paramref name="values"/> in place of the selected rows of <paramref name="y"/>.</summary>
    public static Tensor Put(Tensor y, Tensor values, Tensor? rows) => rows is null ? values : y.index_copy(0, rows, values);
}
