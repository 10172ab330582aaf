using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Additive.Beft;

/// <summary>BEFT: new biases of chosen linear maps, those of maps that have none included.</summary>
internal sealed class BeftMethod(string name, BeftOptions options) : PeftMethod(name)
{
    private const string Bias = "beft_bias";

    private BeftOptions _options = options;

    /// <summary>What the registry says of it.</summary>
    public static MethodInfo Info { get; } = new()
    {
        Name = "beft",
        Family = MethodFamily.Additive,
        PeftType = "BEFT",
        Paper = "arXiv 2509.15974",
        Sites = "projections",
        Summary = "A new trained bias for the maps that make values; merges where they have one.",
        Formula = "y = W·x + b + b', b' trained, zero at the start",
        OptionsType = typeof(BeftOptions),
        NeutralStart = true,
        Mergeable = true,
        MergesIntoBiases = true,
    };

    /// <inheritdoc/>
    public override MethodOptions Options => _options;

    /// <inheritdoc/>
    protected override void OnAttach(MethodHost host)
    {
        _options = _options with { ModulesToSave = ModulesWithHead(_options.ModulesToSave) };
        var sites =
            host.Sites.Projections.Where(p => IsTarget(p) && _options.ModulesToSave?.Any(m => Targets.IsSavedModule(p.Path, m)) != true)
            .ToList();
        if (sites.Count == 0)
        {
            throw new PeftException(
                $"BEFT: no module matches \"target_modules\" ({_options.TargetModules?.ToString() ?? "values"}); the model's linear "
                + "maps are called "
                + $"{string.Join(", ", host.Sites.Projections.Select(p => p.Path.Split('.')[^1]).Distinct())}.");
        }
        // peft's own choice knows fewer models.
        _options = _options with
        {
            TargetModules = _options.TargetModules ?? new Targets([.. sites.Select(p => p.Path.Split('.')[^1]).Distinct()]),
        };
        foreach (var site in sites)
        {
            long[] shape = [1, site.OutFeatures];
            var bias = Add(
                site.Path, Bias, shape, () =>
                    _options.InitWeights ? zeros(shape) : Initial.Normal(shape, 1, SeedOf($"{site.Path}.{Bias}")), decay: false);
            Plug<IProjectionPlugin>(site.Plugins, new BeftBias(bias));
        }
        TrainModules(_options.ModulesToSave);
    }

    private bool IsTarget(ProjectionSite site)
    {
        if (_options.TargetModules is not { } targets) return site.Role is ProjectionRole.Value or ProjectionRole.Fused;
        return targets.IsAllLinear ? site.Role is not (ProjectionRole.Head or ProjectionRole.Vocabulary) : targets.Match(site.Path);
    }
}
