using PeftSharp.Sites;

namespace PeftSharp.Methods.Additive.Ia3;

/// <summary>The linear maps that (IA)³ scales, and at which side.</summary>
internal sealed class Ia3Maps
{
    private readonly Ia3Options _options;
    private readonly HashSet<ProjectionSite> _inputs;

    public Ia3Maps(Ia3Options options, SiteMap sites)
    {
        _options = options;
        Sites = options.Roles is { } roles
            ? [.. sites.Projections.Concat(sites.Parts).Where(p => roles.Contains(p.Role) && !options.LeaveOut.Contains(p.Layer))]
            : [.. sites.Projections.Where(p => IsTarget(p, sites) && !IsLeftOut(p.Path))];
        _inputs = [.. Sites.Where(IsInput)];
        (Targets, Inputs) = (options.TargetModules ?? Named(Sites, sites), options.FeedForwardModules ?? Named([.. _inputs], sites));
    }

    /// <summary>The maps, in the order of the model.</summary>
    public IReadOnlyList<ProjectionSite> Sites { get; }

    /// <summary>The names to write: those given, or names of the maps, for peft's own choice may be another.</summary>
    public Targets Targets { get; }

    /// <summary>The names of those whose input is scaled.</summary>
    public Targets Inputs { get; }

    /// <summary>True if the map's input is scaled, false if its output is.</summary>
    public bool ReadsScaled(ProjectionSite site) => _inputs.Contains(site);

    private bool IsTarget(ProjectionSite site, SiteMap sites)
    {
        if (_options.TargetModules is { } targets)
            return targets.IsAllLinear ? site.Role is not (ProjectionRole.Head or ProjectionRole.Vocabulary) : targets.Match(site.Path);
        return site.Role is ProjectionRole.Key or ProjectionRole.Value or ProjectionRole.Fused or ProjectionRole.FeedForwardOutput
            || IsCaught(site, sites);
    }

    // peft names BERT's second feed-forward map "output.dense", which the map after the attention is called as well.
    private static bool IsCaught(ProjectionSite site, SiteMap sites) => site.Role == ProjectionRole.AttentionOutput
        && sites.Projections.Any(
            p => p.Role == ProjectionRole.FeedForwardOutput && p.Layer == site.Layer && Tail(p.Path) == Tail(site.Path));

    private bool IsInput(ProjectionSite site)
    {
        if (_options.Roles is not null) return false;
        if (_options.FeedForwardModules is { } named) return named.IsAllLinear || MatchesAsPeft(named, site.Path);
        return site.Role is ProjectionRole.FeedForwardOutput or ProjectionRole.AttentionOutput;
    }

    // peft compares the ends of these names without regard to where a word begins.
    private static bool MatchesAsPeft(Targets named, string path) =>
        named.Names is { } names ? names.Any(n => path.EndsWith(n, StringComparison.Ordinal)) : named.Match(path);

    private bool IsLeftOut(string path) => _options.ExcludeModules?.Match(path) == true
        || _options.ModulesToSave?.Any(name => Methods.Targets.IsSavedModule(path, name)) == true;

    private static Targets Named(IReadOnlyList<ProjectionSite> chosen, SiteMap sites)
    {
        var named = new Targets([.. chosen.Select(p => Tail(p.Path)).Distinct()]);
        var same = sites.Projections.Where(p => named.Match(p.Path)).ToHashSet().SetEquals(chosen);
        return same ? named : new([.. chosen.Select(p => p.Path)]);
    }

    private static string Tail(string path)
    {
        var last = path.LastIndexOf('.');
        return last <= 0 ? path : path[(path.LastIndexOf('.', last - 1) + 1)..];
    }
}
