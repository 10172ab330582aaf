using System.Globalization;
using PeftSharp.Sites;

namespace PeftSharp.Methods.Reparameterized;

/// <summary>The linear maps that a low-rank method changes, chosen by the settings that such methods share in peft.</summary>
internal sealed class ChosenMaps
{
    private ChosenMaps(IReadOnlyList<ProjectionSite> sites, Targets? targets) => (Sites, Targets) = (sites, targets);

    /// <summary>The maps, in the order of the model; one at least.</summary>
    public IReadOnlyList<ProjectionSite> Sites { get; }

    /// <summary>The names to write: those given, or where none were, what peft's own choice would not find by itself.</summary>
    public Targets? Targets { get; }

    /// <summary>True if files keep these maps as [in, out] (peft's <c>fan_in_fan_out</c>).</summary>
    public bool AreTransposed => Sites.Any(s => s.Weight.IsTransposedOnDisk);

    /// <summary>Chooses the maps that settings mean.</summary>
    /// <param name="options">The settings; <c>modules_to_save</c> with the head in it.</param>
    /// <param name="host">The model.</param>
    /// <exception cref="PeftException">None is meant.</exception>
    public static ChosenMaps Of(TargetOptions options, MethodHost host) => Of(
        options.PeftType, host, options.TargetModules, options.LayersToTransform, options.LayersPattern, options.ModulesToSave,
        options.Excluded);

    /// <summary>Chooses the maps.</summary>
    /// <exception cref="PeftException">None is meant.</exception>
    public static ChosenMaps Of(
        string method, MethodHost host, Targets? targets, Layers? layers, Targets? layersPattern,
        IReadOnlyList<string>? saved, Targets? excluded = null)
    {
        var patterns = new PathPatterns(method);
        var sites = host.Sites.Projections.Where(site => IsTarget(site, targets)
            && saved?.Any(name => Methods.Targets.IsSavedModule(site.Path, name)) != true
            && excluded?.Match(site.Path) != true
            && InLayers(patterns, layers, layersPattern, site.Path)).ToList();
        if (sites.Count == 0)
            throw new PeftException(
                $"{method}: no module matches \"target_modules\" ({targets?.ToString() ?? "queries and values"}); "
                + "the model's linear maps are called "
                + $"{string.Join(", ", host.Sites.Projections.Select(p => p.Path.Split('.')[^1]).Distinct())}.");
        // What names cannot say (a map that serves several) is said by name.
        if (targets is null && sites.Any(p => p.Role == ProjectionRole.Fused))
            targets = new([.. sites.Select(p => p.Path.Split('.')[^1]).Distinct()]);
        return new(sites, targets);
    }

    /// <summary>True if the settings mean this map; null means queries and values.</summary>
    public static bool IsTarget(ProjectionSite site, Targets? targets)
    {
        // peft's own choice for models with one map for all three is that map.
        if (targets is null) return site.Role is ProjectionRole.Query or ProjectionRole.Value or ProjectionRole.Fused;
        return targets.IsAllLinear ? site.Role is not (ProjectionRole.Head or ProjectionRole.Vocabulary) : targets.Match(site.Path);
    }

    /// <summary>
    /// True if the module lies in one of the layers. A layer's index is the number after the name of a list of layers, as peft finds it.
    /// </summary>
    public static bool InLayers(PathPatterns patterns, Layers? layers, Targets? layersPattern, string path)
    {
        if (layers is not { Indices.Count: > 0 }) return true;
        var names = layersPattern is null ? "" : layersPattern.Text ?? string.Join('|', layersPattern.Names!);
        var match = patterns.Find("layers_pattern", $@"\.(?:{(names.Length == 0 ? "[^.]*" : names)})\.(?<layer>\d+)\.", path);
        return match.Success
            && int.TryParse(match.Groups["layer"].Value, CultureInfo.InvariantCulture, out var layer)
            && layers.Indices.Contains(layer);
    }
}
