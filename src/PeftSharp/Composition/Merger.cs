using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Composition;

/// <summary>Works out what an adapter makes of the base's tensors, from its plug-ins alone.</summary>
internal static class Merger
{
    /// <summary>Each slot that an adapter changes, with its merged value.</summary>
    /// <exception cref="PeftException">A plug-in cannot be written into weights.</exception>
    public static IEnumerable<(Slot Slot, Tensor Value)> MergedValues(SiteMap sites, AdapterTag tag, string method)
    {
        var values = new Dictionary<Slot, Tensor>();
        foreach (var slot in sites.Slots)
            if (slot.Replaced(tag) is { } replaced) values[slot] = replaced;
        foreach (var site in sites.Projections)
            foreach (var plugin in Of(site.Plugins, tag))
            {
                if (plugin is not IMergeableProjection merge) throw Refused(method, site.Path);
                values[site.Weight] = merge.MergedWeight(Current(values, site.Weight));
                var bias = site.Bias is null ? null : Current(values, site.Bias);
                if (merge.MergedBias(bias) is { } merged && !ReferenceEquals(merged, bias)) values[site.Bias!] = merged;
            }
        foreach (var site in sites.Embeddings)
            foreach (var plugin in Of(site.Plugins, tag))
                values[site.Table] = plugin is IMergeableEmbedding merge ? merge.MergedTable(Current(values, site.Table)) : throw Refused(method, site.Path);
        foreach (var (path, any) in sites.Branches.Select(s => (s.Path, Of(s.Plugins, tag).Any()))
            .Concat(sites.Attentions.Select(s => (s.Path, Of(s.Plugins, tag).Any())))
            .Concat(sites.Inputs.Select(s => (s.Path, Of(s.Plugins, tag).Any())))
            .Concat(sites.Layers.Select(s => (s.Path, Of(s.Plugins, tag).Any()))))
            if (any) throw Refused(method, path);
        return values.Select(v => (v.Key, v.Value));
    }

    private static Tensor Current(Dictionary<Slot, Tensor> values, Slot slot) => values.TryGetValue(slot, out var value) ? value : slot.Value;

    private static IEnumerable<T> Of<T>(PluginList<T> plugins, AdapterTag tag) where T : class =>
        plugins.Items.Where(i => ReferenceEquals(i.Owner, tag)).Select(i => i.Plugin);

    private static PeftException Refused(string method, string path) =>
        new($"{method} cannot be merged: what it does at {path} is not a change of weights; serve it as an adapter instead.");
}
