using PeftSharp.Interop;
using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Composition;

/// <summary>Works out what an adapter makes of the base's tensors, from its plug-ins alone.</summary>
internal static class Merger
{
    /// <summary>Each slot that an adapter changes, with its merged value, one at a time.</summary>
    /// <exception cref="PeftException">A plug-in cannot be written into weights.</exception>
    public static IEnumerable<(Slot Slot, Tensor Value)> MergedValues(SiteMap sites, AdapterTag tag, string method)
    {
        foreach (var (path, any) in sites.Branches.Select(s => (s.Path, Of(s.Plugins, tag).Any()))
            .Concat(sites.Attentions.Select(s => (s.Path, Of(s.Plugins, tag).Any())))
            .Concat(sites.Inputs.Select(s => (s.Path, Of(s.Plugins, tag).Any())))
            .Concat(sites.Layers.Select(s => (s.Path, Of(s.Plugins, tag).Any()))))
            if (any) throw Refused(method, path);
        foreach (var tied in sites.Projections.Where(s => s.Weight is TiedSlot && Of(s.Plugins, tag).Any()))
            throw new PeftException(
                $"{method} cannot be merged: what it does at {tied.Path} would change the input embedding too, for the two are one tensor; serve it as an adapter instead.");
        foreach (var slot in sites.Slots)
            if (MergedValue(sites, slot, tag, method) is { } value) yield return (slot, value);
    }

    /// <summary>What an adapter makes of one slot; null if it leaves it alone.</summary>
    /// <exception cref="PeftException">A plug-in cannot be written into the weight.</exception>
    public static Tensor? MergedValue(SiteMap sites, Slot slot, AdapterTag tag, string method)
    {
        var value = slot.Replaced(tag);
        var context = new ForwardContext { Selection = AdapterSelection.Of(tag) };
        foreach (var site in sites.Projections.Where(s => s.Weight == slot || s.Bias == slot))
        {
            var plugins = Mergeable(site, tag, method);
            if (plugins.Count == 0) continue;
            var current = value ?? slot.Value;
            if (site.Weight == slot)
            {
                value = MergedWeight(plugins, current, context);
                if (site.Bias is null) plugins.ForEach(p => p.MergedBias(null, context)); // refuses where it would need one
            }
            else
            {
                var bias = MergedBias(plugins, current, context);
                if (!ReferenceEquals(bias, current)) value = bias;
            }
        }
        foreach (var site in sites.Parts)
        {
            if (site.Weight is not PartSlot part) continue;
            var bias = sites.Projections.First(p => p.Weight == part.Whole).Bias;
            if (part.Whole != slot && bias != slot) continue;
            var plugins = Mergeable(site, tag, method);
            if (plugins.Count == 0) continue;
            var current = value ?? slot.Value;
            var rows = current.narrow(0, part.First, site.OutFeatures);
            if (bias is null) plugins.ForEach(p => p.MergedBias(null, context)); // refuses where it would need one
            value = WithRows(current, part.Whole == slot ? MergedWeight(plugins, rows, context) : MergedBias(plugins, rows, context), part.First);
        }
        foreach (var site in sites.Embeddings.Where(s => s.Table == slot))
            foreach (var plugin in Of(site.Plugins, tag))
                value = plugin is IMergeableEmbedding merge ? merge.MergedTable(value ?? slot.Value, context) : throw Refused(method, site.Path);
        return value;
    }

    private static Tensor WithRows(Tensor whole, Tensor rows, long first)
    {
        var after = first + rows.shape[0];
        return cat([whole.narrow(0, 0, first), rows, whole.narrow(0, after, whole.shape[0] - after)]);
    }

    // As in a forward: what is added to the product comes first, what changes the map's whole output (or input) after it.
    private static List<IMergeableProjection> Mergeable(ProjectionSite site, AdapterTag tag, string method) =>
        [.. Of(site.Plugins, tag).Select(p => p as IMergeableProjection ?? throw Refused(method, site.Path)).OrderBy(Surrounds)];

    private static bool Surrounds(IMergeableProjection plugin) => plugin is IProjectionInput or IProjectionOutput;

    // Plug-ins that add read the weight itself, not what the others make of it: their changes add up.
    private static Tensor MergedWeight(List<IMergeableProjection> plugins, Tensor weight, ForwardContext context)
    {
        List<IMergeableProjection> adding = [.. plugins.Where(p => !Surrounds(p))];
        var sum = adding is [var only] ? only.MergedWeight(weight, context)
            : adding.Aggregate(weight, (sum, plugin) => sum.Plus(plugin.MergedWeight(weight, context).Plus(weight, -1)));
        return plugins.Skip(adding.Count).Aggregate(sum, (merged, plugin) => plugin.MergedWeight(merged, context));
    }

    private static Tensor MergedBias(List<IMergeableProjection> plugins, Tensor bias, ForwardContext context) =>
        plugins.Aggregate(bias, (merged, plugin) => plugin.MergedBias(merged, context)!);

    /// <summary>An adapter's plug-ins at a site.</summary>
    public static IEnumerable<T> Of<T>(PluginList<T> plugins, AdapterTag tag) where T : class =>
        plugins.Of(tag);

    private static PeftException Refused(string method, string path) =>
        new($"{method} cannot be merged: what it does at {path} is not a change of weights; serve it as an adapter instead.");
}
