using PeftSharp.Interop;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Reparameterized.Shira;

/// <summary>SHiRA: a few weights of each map are changed, at places that are chosen once.</summary>
internal sealed class ShiraMethod(string name, ShiraOptions options) : MapMethod<ShiraOptions>(name, options)
{
    internal const string Values = "shira_weight";

    private readonly Dictionary<string, (ShiraChange Change, ProjectionSite Site)> _changes = [];

    /// <summary>What the registry says of it.</summary>
    public static MethodInfo Info { get; } = new()
    {
        Name = "shira",
        Family = MethodFamily.Reparameterized,
        PeftType = "SHIRA",
        Paper = "Bhardwaj et al. 2024, arXiv 2406.13175",
        Sites = "projections",
        Summary = "A few weights of each map, chosen at random once, are changed: sparse and of high rank; merges.",
        Formula = "y = (W + S)·x + b, S zero but for r·(in + out) trained numbers",
        OptionsType = typeof(ShiraOptions),
        Layouts = [new ShiraPeft()],
        NeutralStart = true,
        Mergeable = true,
    };

    /// <summary>The change at a map, and the map.</summary>
    internal (ShiraChange Change, ProjectionSite Site) At(string path) => _changes[path];

    /// <inheritdoc/>
    protected override void Adapt(ProjectionSite site)
    {
        var count = Settings.Rank * (site.InFeatures + site.OutFeatures);
        var weights = site.InFeatures * site.OutFeatures;
        if (count > weights)
            throw new PeftException(
                $"SHIRA: \"r\" is {Settings.Rank}, which makes {count} weights of {site.Path}, but it has {weights}; give a smaller rank.");
        if (_changes.Count == 0) OnDetach(_changes.Clear);
        var values = Add(site.Path, Values, [count], () =>
            Settings.InitWeights ? zeros(count) : Initial.Normal([count], 1, SeedOf($"{site.Path}.{Values}")));
        var change = new ShiraChange(site, values, Chosen(site, weights, count));
        OnDetach(change.Dispose);
        _changes.Add(site.Path, (change, site));
        Plug<IProjectionPlugin>(site.Plugins, change);
    }

    private Tensor Chosen(ProjectionSite site, long weights, long count)
    {
        // Where they are read next, the first ones stand in.
        if (Host.FromFile) return Arithmetic.Range(0, count, device: Host.Device).DetachFromDisposeScope();
        using var generator = new Generator(Settings.RandomSeed is { } seed ? (ulong)seed : SeedOf($"{site.Path}.shira_indices"));
        using var scope = NewDisposeScope();
        var order = randperm(weights, ScalarType.Int64, generator: generator);
        return order.narrow(0, 0, count).sort().Values.to(Host.Device).DetachFromDisposeScope();
    }
}
