namespace PeftSharp.Sites;

/// <summary>Refuses compositions of adapters that do what cannot be averaged, fused or split, before any call.</summary>
internal static class CompositionCheck
{
    /// <exception cref="PeftException">It is such a composition.</exception>
    public static void Require(this SiteMap sites, AdapterComposition composition)
    {
        if (composition.IsFlat) return;
        foreach (var leaf in composition.Alone.Parts[0].Leaves)
        {
            if (leaf.Weight != 1) RequireMean(sites, leaf.Adapter);
            if (leaf.Whole is { } whole) RequireBranches(sites, leaf.Adapter, whole);
        }
    }

    private static void RequireMean(SiteMap sites, AdapterTag adapter)
    {
        if (sites.Attentions.FirstOrDefault(site => site.Plugins.Of(adapter).OfType<IAttentionPrefix>().Any()) is { } attention)
            throw attention.Plugins.NoMean("A prefix");
        if (sites.Inputs.FirstOrDefault(site => site.Plugins.Of(adapter).Length > 0) is { } input) throw input.Plugins.NoMean("A prompt");
    }

    // What comes after the layers is a head, of which the last one answers.
    private static void RequireBranches(SiteMap sites, AdapterTag adapter, AdapterComposition whole)
    {
        foreach (var (module, seam) in sites.ActiveAt(adapter))
            if (sites.LayerOf(module) is not null && sites.Branches.All(site => site.Path != module))
                throw new PeftException(
                    $"The adapter \"{adapter.Name}\" acts at {seam}, but {whole} reaches residual branches alone; "
                        + "fuse and split bottleneck adapters, and stack or average others.");
    }
}
