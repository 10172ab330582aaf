using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Additive.Ia3;

/// <summary>(IA)³: learned factors of keys, values and the feed-forward block's inner activations.</summary>
internal sealed class Ia3Method(string name, Ia3Options options) : PeftMethod(name)
{
    private const string Factor = "ia3_l";

    private Ia3Options _options = options;

    /// <summary>What the registry says of it.</summary>
    public static MethodInfo Info { get; } = new()
    {
        Name = "ia3",
        Aliases = ["(ia)3"],
        Family = MethodFamily.Additive,
        PeftType = "IA3",
        Paper = "Liu et al. 2022, arXiv 2205.05638",
        Sites = "projections",
        Summary = "One learned factor for each number that a linear map yields or reads; merges at no inference cost.",
        Formula = "keys and values: y = l ⊙ (W·x + b); feed-forward block: y = W·(l ⊙ x) + b, l trained",
        OptionsType = typeof(Ia3Options),
        NeutralStart = true,
        Mergeable = true,
        Layouts = [new Ia3Peft(), new Ia3AdapterHub()],
        Presets = new Dictionary<string, Func<MethodOptions>>
        {
            ["ia3-adapterhub"] = () => new Ia3Options { Roles = Ia3AdapterHub.Roles },
        },
    };

    /// <inheritdoc/>
    public override MethodOptions Options => _options;

    // The adapted parts of maps that serve several; null where there are none.
    internal LoraParts? Parts { get; private set; }

    /// <inheritdoc/>
    protected override void OnAttach(MethodHost host)
    {
        _options = _options with { ModulesToSave = ModulesWithHead(_options.ModulesToSave) };
        var maps = new Ia3Maps(_options, host.Sites);
        if (maps.Sites.Count == 0)
        {
            throw new PeftException(
                $"IA3: no module matches \"target_modules\" ({_options.TargetModules?.ToString() ?? "keys, values, feed-forward"}); the "
                + "model's linear "
                + $"maps are called {string.Join(", ", host.Sites.Projections.Select(p => p.Path.Split('.')[^1]).Distinct())}.");
        }
        Parts = maps.Sites.Any(p => p.Weight is PartSlot) ? new(maps.Sites) : null;
        var transposed = maps.Sites.Any(p => p.Weight.IsTransposedOnDisk);
        if (_options.FanInFanOut && !transposed)
            throw new PeftException(
                "IA3: \"fan_in_fan_out\" is true, but the weights of this model's maps are [out, in]; set it to false.");
        _options = _options with { FanInFanOut = transposed };
        if (_options.Roles is null) _options = _options with { TargetModules = maps.Targets, FeedForwardModules = maps.Inputs };
        foreach (var site in maps.Sites) Scale(site, maps.ReadsScaled(site));
        TrainModules(_options.ModulesToSave);
    }

    private void Scale(ProjectionSite site, bool input)
    {
        long[] shape = input ? [1, site.InFeatures] : [site.OutFeatures, 1];
        var factor = Add(site.Path, Factor, shape, () =>
            _options.InitWeights ? ones(shape) : Initial.Normal(shape, 1, SeedOf($"{site.Path}.{Factor}")));
        Plug<IProjectionPlugin>(site.Plugins, input ? new Ia3Input(factor) : new Ia3Output(factor));
    }
}
