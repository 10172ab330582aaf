using PeftSharp.Interop;
using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Reparameterized.Vera;

/// <summary>VeRA: two random projections that all layers share, and two trained vectors a map.</summary>
internal sealed class VeraMethod(string name, VeraOptions options) : PeftMethod(name)
{
    private const string A = "vera_A", B = "vera_B";

    private VeraOptions _options = options;

    /// <summary>What the registry says of it.</summary>
    public static MethodInfo Info { get; } = new()
    {
        Name = "vera",
        Family = MethodFamily.Reparameterized,
        PeftType = "VERA",
        Paper = "Kopiczko et al. 2024, arXiv 2310.11454",
        Sites = "projections",
        Summary =
            "Two frozen random projections shared by all layers, and two trained vectors a map: fewer trained weights than LoRA; merges.",
        Formula = "y = W·x + c + b ⊙ (B·(d ⊙ (A·dropout(x)))); A and B are drawn once and shared, b and d are trained",
        OptionsType = typeof(VeraOptions),
        Layouts = [new VeraPeft()],
        NeutralStart = true,
        Mergeable = true,
    };

    /// <inheritdoc/>
    public override MethodOptions Options => _options;

    /// <inheritdoc/>
    protected override void OnAttach(MethodHost host)
    {
        _options = _options with { ModulesToSave = ModulesWithHead(_options.ModulesToSave) };
        var maps = ChosenMaps.Of(_options, host);
        if (_options.FanInFanOut && !maps.AreTransposed)
            throw new PeftException("VERA: \"fan_in_fan_out\" is true, but this model's maps are [out, in]; set it to false.");
        _options = _options with { FanInFanOut = maps.AreTransposed, TargetModules = maps.Targets };
        var (a, b) = Projections(maps.Sites.Max(s => s.InFeatures), maps.Sites.Max(s => s.OutFeatures));
        foreach (var site in maps.Sites) Adapt(site, a, b);
        TrainModules(_options.ModulesToSave);
    }

    private (AdapterTensor A, AdapterTensor B) Projections(long widestIn, long widestOut)
    {
        var drawn = new Lazy<(Tensor A, Tensor B)>(() => VeraProjections.Draw(_options.Rank, widestIn, widestOut, _options.ProjectionKey));
        return (AddFrozen("", A, [_options.Rank, widestIn], () => drawn.Value.A, _options.SaveProjection, shared: true),
            AddFrozen("", B, [widestOut, _options.Rank], () => drawn.Value.B, _options.SaveProjection, shared: true));
    }

    private void Adapt(ProjectionSite site, AdapterTensor a, AdapterTensor b)
    {
        var scaleB = Add(site.Path, "vera_lambda_b", [site.OutFeatures], () =>
            _options.InitWeights ? zeros(site.OutFeatures) : ones(site.OutFeatures));
        var scaleD = Add(site.Path, "vera_lambda_d", [_options.Rank], () => _options.InitWeights
            ? zeros(_options.Rank).Plus(_options.InitialD) : Initial.Normal([_options.Rank], 1, SeedOf($"{site.Path}.vera_lambda_d")));
        Plug(site.Plugins, new VeraDelta(a, b, scaleB, scaleD, site.InFeatures, site.OutFeatures, _options.Dropout));
    }
}
