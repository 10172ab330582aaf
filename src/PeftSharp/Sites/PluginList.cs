using static TorchSharp.torch;

namespace PeftSharp.Sites;

/// <summary>The plug-ins at one site, by adapter. Adapters may come and go while calls are under way.</summary>
/// <typeparam name="T">The site's plug-in interface.</typeparam>
/// <param name="place">Where the site stands, for messages.</param>
public sealed class PluginList<T>(SitePlace place) where T : class
{
    private readonly AdapterTable<T> _table = new();

    /// <summary>All plug-ins with their owners, as they are at this moment.</summary>
    internal IReadOnlyList<(AdapterTag Owner, T Plugin)> Items => _table.All;

    /// <summary>Adds a plug-in; the returned action takes it away again.</summary>
    internal Action Add(AdapterTag owner, T plugin) => _table.Add(owner, plugin);

    /// <summary>True if a plug-in of an active adapter sits here.</summary>
    internal bool AnyActive(ForwardContext context) => _table.AnyOf(context.Selection);

    /// <summary>The plug-ins of one adapter.</summary>
    internal T[] Of(AdapterTag adapter) => _table.Of(adapter);

    /// <summary>What acts in this call on which rows with what weight, in the order of the selection.</summary>
    /// <exception cref="PeftException">An adapter acts here within a fusion or a split.</exception>
    internal ReadOnlySpan<Share<T>> Shares(ForwardContext context) => Shares(context, flatOnly: false);

    /// <summary>What acts in this call one after the other; the parts that <see cref="Pass"/> has to walk are left out.</summary>
    internal ReadOnlySpan<Share<T>> FlatShares(ForwardContext context) => Shares(context, flatOnly: true);

    /// <summary>
    /// Passes a value, [rows, …], through what acts here: in a stack one after the other, in an average beside each other.
    /// </summary>
    /// <param name="value">The value.</param>
    /// <param name="context">The call.</param>
    /// <param name="step">What a plug-in makes of the value of its rows.</param>
    /// <exception cref="PeftException">An adapter acts here within a fusion or a split.</exception>
    internal Tensor Pass(Tensor value, ForwardContext context, Func<Share<T>, Tensor, Tensor> step)
    {
        if (_table.IsEmpty) return value;
        foreach (var share in FlatShares(context)) value = Rows.Put(value, step(share, Rows.Select(value, share.Rows)), share.Rows);
        var parts = context.Selection.Parts;
        for (var i = 0; i < parts.Length; i++)
        {
            if (parts[i].IsFlat || !Acts(parts[i])) continue;
            var rows = context.RowsOf(parts[i]);
            value = Rows.Put(value, Walk(parts[i].Tree, Rows.Select(value, rows), rows, context.For(parts[i]), i, step), rows);
        }
        return value;
    }

    /// <summary>True if an adapter of a part of the selection acts here.</summary>
    internal bool Acts(SelectionPart part)
    {
        foreach (var leaf in part.Leaves)
            if (_table.Of(leaf.Adapter).Length > 0) return true;
        return false;
    }

    private ReadOnlySpan<Share<T>> Shares(ForwardContext context, bool flatOnly)
    {
        if (_table.IsEmpty) return [];
        List<Share<T>>? shares = null;
        var parts = context.Selection.Parts;
        for (var i = 0; i < parts.Length; i++)
        {
            if (flatOnly && !parts[i].IsFlat) continue;
            foreach (var leaf in parts[i].Leaves)
            {
                var plugins = _table.Of(leaf.Adapter);
                if (plugins.Length == 0) continue;
                if (leaf.Whole is not null) throw Unreached(leaf.Adapter, leaf.Whole);
                var (rows, inner) = (context.RowsOf(parts[i]), context.For(parts[i], leaf.Scope));
                foreach (var plugin in plugins) (shares ??= []).Add(new(plugin, rows, inner, leaf.Weight, i));
            }
        }
        return System.Runtime.InteropServices.CollectionsMarshal.AsSpan(shares);
    }

    // The value is that of the part's rows, and the context knows no others.
    private Tensor Walk(AdapterComposition node, Tensor value, Tensor? rows, ForwardContext context, int part, Func<Share<T>, Tensor,
        Tensor> step)
    {
        switch (node)
        {
            case AdapterComposition.One one:
                foreach (var plugin in _table.Of(one.Adapter)) value = step(new(plugin, rows, context, 1, part), value);
                return value;
            case AdapterComposition.Stack:
                return node.Children.Aggregate(value, (soFar, child) => Walk(child, soFar, rows, context, part, step));
            case AdapterComposition.Average average:
                var input = value;
                return Mixture.Of(average, child => Walk(child, input, rows, context.Within(child), part, step));
            default:
                if (node.Children.SelectMany(child => child.Adapters).FirstOrDefault(tag => _table.Of(tag).Length > 0) is { } acting)
                    throw Unreached(acting, node);
                return value;
        }
    }

    /// <summary>The refusal of an average over what has no mean.</summary>
    internal PeftException NoMean(string what) =>
        new($"{what} at {place.Path} has no mean with other adapters; leave its adapter out of the average.");

    private PeftException Unreached(AdapterTag adapter, AdapterComposition whole) =>
        new($"The adapter \"{adapter.Name}\" acts at {place.Path}, but {whole} reaches residual branches alone; "
            + "fuse and split bottleneck adapters, and stack or average others.");
}
