using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Sites;

/// <summary>One attention of a layer, open to plug-ins.</summary>
public sealed class AttentionSite(
    SitePlace place, AttentionKind kind, AttentionShape shape, ProjectionSite query, ProjectionSite key, ProjectionSite value,
    ProjectionSite output)
{
    /// <summary>Where it stands.</summary>
    public SitePlace Place { get; } = place;

    /// <summary>The module's path in the Hugging Face model.</summary>
    public string Path => Place.Path;

    /// <summary>Which attention this is.</summary>
    public AttentionKind Kind { get; } = kind;

    /// <summary>Index of the layer.</summary>
    public int Layer => Place.Layer;

    /// <summary>Its heads, and how scores are scaled.</summary>
    public AttentionShape Shape { get; } = shape;

    /// <summary>Query heads.</summary>
    public int Heads => Shape.Heads;

    /// <summary>Key and value heads.</summary>
    public int KeyHeads => Shape.KeyHeads;

    /// <summary>Key and value heads of a prefix.</summary>
    public int PrefixHeads => Shape.PrefixHeads;

    /// <summary>Width of a head.</summary>
    public int HeadDim => Shape.HeadDim;

    /// <summary>Makes queries.</summary>
    public ProjectionSite Query { get; } = query;

    /// <summary>Makes keys.</summary>
    public ProjectionSite Key { get; } = key;

    /// <summary>Makes values.</summary>
    public ProjectionSite Value { get; } = value;

    /// <summary>Joins the heads.</summary>
    public ProjectionSite Output { get; } = output;

    /// <summary>The plug-ins here.</summary>
    public PluginList<IAttentionPlugin> Plugins { get; } = new(place);

    /// <summary>Attends.</summary>
    /// <param name="query">[rows, heads, queries, headDim].</param>
    /// <param name="key">[rows, keyHeads, keys, headDim].</param>
    /// <param name="value">[rows, keyHeads, keys, headDim].</param>
    /// <param name="hidden">The attention's input, [rows, tokens, hidden].</param>
    /// <param name="mask">Which keys each query may see.</param>
    /// <param name="dropout">Probability of dropping an attention weight in training.</param>
    /// <param name="context">The call.</param>
    /// <returns>Joined heads, [rows, queries, heads · headDim].</returns>
    internal Tensor Attend(Tensor query, Tensor key, Tensor value, Tensor hidden, KeyMask mask, double dropout, ForwardContext context)
    {
        if (context.Cache is { } cache && Kind == AttentionKind.Self)
            (key, value, mask) = Cached(cache, query, key, value, hidden, mask, context);
        else if (Plugins.AnyActive(context)) (key, value, mask) = AddPrefixes(query, key, value, hidden, mask, context);
        var shape = key.shape[1] == Shape.KeyHeads ? Shape : Shape with { KeyHeads = Shape.PrefixHeads };
        var joined = Join(Attention.Compute(query, key, value, shape, mask, dropout, Path, context));
        foreach (var share in Plugins.Shares(context))
            if (share.Plugin is IAttentionAddition addition)
                joined = Rows.Add(joined, share.Weighed(addition.Addition(State(query, hidden, share.Rows), share.Context)), share.Rows);
        return joined;
    }

    /// <summary>[rows, heads, tokens, headDim] → [rows, tokens, heads · headDim].</summary>
    private static Tensor Join(Tensor x)
    {
        var shape = x.shape;
        return x.transpose(1, 2).reshape(shape[0], shape[2], shape[1] * shape[3]);
    }

    private AttentionState State(Tensor query, Tensor hidden, Tensor? rows) =>
        new(Rows.Select(hidden, rows), Rows.Select(query, rows), this);

    // The first call leaves prefixes before its keys; later ones find them there.
    private (Tensor Key, Tensor Value, KeyMask Mask) Cached(
        KeyValueCache cache, Tensor query, Tensor key, Tensor value, Tensor hidden, KeyMask mask, ForwardContext context)
    {
        if (!cache.Holds(this))
        {
            if (Plugins.AnyActive(context)) (key, value, mask) = AddPrefixes(query, key, value, hidden, mask, context);
            cache.Start(this, key, value);
            return (key, value, mask);
        }
        if (HasPrefix(context)) (key, value) = AsPrefix(key, value);
        (key, value) = cache.Append(this, key, value);
        return (key, value, mask.WithPrefix(AttentionPrefixes.Lengths(Plugins.Shares(context), query.shape[0])));
    }

    private bool HasPrefix(ForwardContext context)
    {
        foreach (var share in Plugins.Shares(context))
            if (share.Plugin is IAttentionPrefix) return true;
        return false;
    }

    // With as many heads as a prefix has.
    private (Tensor Key, Tensor Value) AsPrefix(Tensor key, Tensor value)
    {
        var times = Shape.PrefixHeads / Shape.KeyHeads;
        return times == 1 ? (key, value) : (key.repeat_interleave(times, 1), value.repeat_interleave(times, 1));
    }

    private (Tensor Key, Tensor Value, KeyMask Mask) AddPrefixes(
        Tensor query, Tensor key, Tensor value, Tensor hidden, KeyMask mask, ForwardContext context)
    {
        var prefixes = new AttentionPrefixes(query.shape[0]);
        foreach (var (plugin, rows, inner, weight, _) in Plugins.Shares(context))
        {
            if (plugin is not IAttentionPrefix prefix) continue;
            if (weight != 1) throw Plugins.NoMean("A prefix");
            var (k, v) = prefix.KeysAndValues(State(query, hidden, rows), inner);
            prefixes.Add(k, v, rows);
        }
        if (prefixes.Join() is not { } joined) return (key, value, mask);
        (key, value) = AsPrefix(key, value);
        return (cat([joined.Keys, key], 2), cat([joined.Values, value], 2), mask.WithPrefix(prefixes.RowLengths));
    }
}
