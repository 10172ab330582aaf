using PeftSharp.Interop;
using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Composition;

/// <summary>Works out what adapters make of the base's tensors, from their plug-ins alone.</summary>
internal static class Merger
{
    /// <summary>Each slot that adapters change, with its merged value, one at a time.</summary>
    /// <exception cref="PeftException">A plug-in cannot be written into weights.</exception>
    public static IEnumerable<(Slot Slot, Tensor Value)> MergedValues(SiteMap sites, AdapterComposition tree, string method)
    {
        if (tree.Alone.Parts[0].Leaves.Select(leaf => leaf.Whole).FirstOrDefault(whole => whole is not null) is { } whole)
            throw new PeftException($"{whole} cannot be merged: it is not a change of weights; serve it as it is instead.");
        bool Any<T>(PluginList<T> plugins) where T : class => tree.Adapters.Any(tag => plugins.Of(tag).Length > 0);
        foreach (var (path, any) in sites.Branches.Select(s => (s.Path, Any(s.Plugins)))
            .Concat(sites.Attentions.Select(s => (s.Path, Any(s.Plugins))))
            .Concat(sites.Inputs.Select(s => (s.Path, Any(s.Plugins))))
            .Concat(sites.Layers.Select(s => (s.Path, Any(s.Plugins)))))
            if (any) throw Refused(method, path);
        foreach (var tied in sites.Projections.Where(s => s.Weight is TiedSlot && Any(s.Plugins)))
            throw new PeftException(
                $"{method} cannot be merged: what it does at {tied.Path} would change the input embedding too, for the two are one tensor; "
                + "serve it as an adapter instead.");
        foreach (var slot in sites.Slots)
            if (MergedValue(sites, slot, tree, method) is { } value) yield return (slot, value);
    }

    /// <summary>The same for one adapter.</summary>
    public static IEnumerable<(Slot Slot, Tensor Value)> MergedValues(SiteMap sites, AdapterTag tag, string method) =>
        MergedValues(sites, tag.Single, method);

    /// <summary>
    /// The slots that an adapter changes: what refuses an adapter that is no change of weights before anything is made. One merged value at
    /// a time is in memory, and none is left.
    /// </summary>
    /// <exception cref="PeftException">A plug-in cannot be written into weights.</exception>
    public static HashSet<Slot> ChangedSlots(SiteMap sites, AdapterTag tag, string method)
    {
        var changed = new HashSet<Slot>();
        using var values = MergedValues(sites, tag, method).GetEnumerator();
        while (true)
        {
            using var scope = NewDisposeScope();
            if (!values.MoveNext()) return changed;
            changed.Add(values.Current.Slot);
        }
    }

    /// <summary>What an adapter makes of one slot; null if it leaves it alone.</summary>
    /// <exception cref="PeftException">A plug-in cannot be written into the weight.</exception>
    public static Tensor? MergedValue(SiteMap sites, Slot slot, AdapterTag tag, string method) =>
        MergedValue(sites, slot, tag.Single, method);

    /// <summary>What adapters together make of one slot; null if they leave it alone.</summary>
    /// <exception cref="PeftException">A plug-in cannot be written into the weight.</exception>
    public static Tensor? MergedValue(SiteMap sites, Slot slot, AdapterComposition tree, string method)
    {
        var value = slot.Replaced(tree);
        foreach (var site in sites.Projections.Where(s => s.Weight == slot || s.Bias == slot))
        {
            var plugins = Mergeable(site, tree, method);
            if (plugins.Count == 0) continue;
            var current = value ?? slot.Value;
            if (site.Weight == slot)
            {
                value = MergedWeight(plugins, current);
                if (site.Bias is null) plugins.ForEach(p => p.Plugin.MergedBias(null, p.Context)); // refuses where it would need one
            }
            else
            {
                var bias = MergedBias(plugins, current);
                if (!ReferenceEquals(bias, current)) value = bias;
            }
        }
        foreach (var site in sites.Parts)
        {
            if (site.Weight is not PartSlot part) continue;
            var bias = sites.Projections.First(p => p.Weight == part.Whole).Bias;
            if (part.Whole != slot && bias != slot) continue;
            var plugins = Mergeable(site, tree, method);
            if (plugins.Count == 0) continue;
            var current = value ?? slot.Value;
            var rows = part.Rows.Of(current, 0);
            if (bias is null) plugins.ForEach(p => p.Plugin.MergedBias(null, p.Context)); // refuses where it would need one
            value = part.Rows.Put(current, part.Whole == slot ? MergedWeight(plugins, rows) : MergedBias(plugins, rows));
        }
        foreach (var site in sites.Embeddings.Where(s => s.Table == slot))
            if (MergedTable(site, tree, value ?? slot.Value, method) is { } table) value = table;
        return value;
    }

    private static Tensor? MergedTable(EmbeddingSite site, AdapterComposition tree, Tensor table, string method)
    {
        var merged = table;
        var acting = 0;
        foreach (var leaf in tree.Alone.Parts[0].Leaves)
            foreach (var plugin in Of(site.Plugins, leaf.Adapter))
            {
                if (plugin is not IMergeableEmbedding merge) throw Refused(method, site.Path);
                if (acting++ > 0 && !tree.IsFlat) throw Mixed(tree, site.Path);
                merged = Weighed(merged, merge.MergedTable(merged, ContextOf(tree, leaf)), leaf.Weight);
            }
        return acting == 0 ? null : merged;
    }

    // As in a forward: what is added to the product comes first, what changes the map's whole output (or input) after it.
    private static List<Weighted> Mergeable(ProjectionSite site, AdapterComposition tree, string method)
    {
        List<Weighted> plugins =
        [
            .. tree.Alone.Parts[0].Leaves.SelectMany(leaf => Of(site.Plugins, leaf.Adapter).Select(plugin => new Weighted(
                plugin as IMergeableProjection ?? throw Refused(method, site.Path), leaf.Weight, ContextOf(tree, leaf))))
                    .OrderBy(p => Surrounds(p.Plugin)),
        ];
        // A mean of such changes is another one than each of them after the other.
        if (plugins.Count > 1 && plugins.Exists(p => p.Weight != 1 && Surrounds(p.Plugin))) throw Mixed(tree, site.Path);
        return plugins;
    }

    private static ForwardContext ContextOf(AdapterComposition tree, SelectionLeaf leaf) => new() { Selection = leaf.Scope ?? tree.Alone };

    private static bool Surrounds(IMergeableProjection plugin) => plugin is IProjectionInput or IProjectionOutput;

    // Plug-ins that add read the weight itself, not what the others make of it: their changes add up.
    private static Tensor MergedWeight(List<Weighted> plugins, Tensor weight)
    {
        List<Weighted> adding = [.. plugins.Where(p => !Surrounds(p.Plugin))];
        var sum = adding is [{ Weight: 1 } only] ? only.Plugin.MergedWeight(weight, only.Context)
            : adding.Aggregate(weight, (sum, p) => sum.Plus(p.Plugin.MergedWeight(weight, p.Context).Plus(weight, -1), p.Weight));
        // A row meets the first change of the input first, which is therefore the last factor of the weight.
        var around = plugins.Skip(adding.Count).ToLookup(p => p.Plugin is IProjectionInput);
        var inOrder = around[true].Reverse().Concat(around[false]);
        return inOrder.Aggregate(sum, (merged, p) => Weighed(merged, p.Plugin.MergedWeight(merged, p.Context), p.Weight));
    }

    private static Tensor MergedBias(List<Weighted> plugins, Tensor bias) =>
        plugins.Aggregate(bias, (merged, p) => Weighed(merged, p.Plugin.MergedBias(merged, p.Context)!, p.Weight));

    private static Tensor Weighed(Tensor before, Tensor after, double weight) =>
        weight == 1 || ReferenceEquals(before, after) ? after : before.Plus(after.Plus(before, -1), weight);

    /// <summary>An adapter's plug-ins at a site.</summary>
    public static IEnumerable<T> Of<T>(PluginList<T> plugins, AdapterTag tag) where T : class =>
        plugins.Of(tag);

    private static PeftException Refused(string method, string path) =>
        new($"{method} cannot be merged: what it does at {path} is not a change of weights; serve it as an adapter instead.");

    private static PeftException Mixed(AdapterComposition tree, string path) =>
        new($"{tree} cannot be merged: at {path} it averages what multiplies with other changes; serve it as it is instead.");

    private readonly record struct Weighted(IMergeableProjection Plugin, double Weight, ForwardContext Context);
}
