using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using PeftSharp.Interop;
using PeftSharp.Sites;
using PeftSharp.Weights;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Additive.Beft;

/// <summary>Settings of BEFT (arXiv 2509.15974): a new bias beside the frozen one.</summary>
public sealed record BeftOptions : MethodOptions
{
    /// <inheritdoc/>
    public override string PeftType => "BEFT";

    /// <summary>Linear maps that get a bias: names, a pattern, or <c>all-linear</c>; null (default): values, as in the paper.</summary>
    [JsonPropertyName("target_modules")]
    public Targets? TargetModules { get; init; }

    /// <summary>True (default) starts every bias at zero, where the model is the base; false draws them from N(0, 1), as peft does for its own tests.</summary>
    [JsonPropertyName("init_weights")]
    public bool InitWeights { get; init; } = true;

    /// <inheritdoc/>
    public override void Validate() { }

    /// <inheritdoc/>
    public override PeftMethod Create(string name) => new BeftMethod(name, this);

    internal override JsonObject PeftFields => new() { ["auto_mapping"] = null };
}

/// <summary>BEFT: new biases of chosen linear maps, those of maps that have none included.</summary>
public sealed class BeftMethod(string name, BeftOptions options) : PeftMethod(name)
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
        var sites = host.Sites.Projections.Where(p => IsTarget(p) && _options.ModulesToSave?.Any(m => Targets.IsSavedModule(p.Path, m)) != true).ToList();
        if (sites.Count == 0)
        {
            throw new PeftException(
                $"BEFT: no module matches \"target_modules\" ({_options.TargetModules?.ToString() ?? "values"}); the model's linear maps are called "
                + $"{string.Join(", ", host.Sites.Projections.Select(p => p.Path.Split('.')[^1]).Distinct())}.");
        }
        // peft's own choice knows fewer models.
        _options = _options with { TargetModules = _options.TargetModules ?? new Targets([.. sites.Select(p => p.Path.Split('.')[^1]).Distinct()]) };
        foreach (var site in sites)
        {
            long[] shape = [1, site.OutFeatures];
            var bias = Add(
                site.Path, Bias, shape, () => _options.InitWeights ? zeros(shape) : Initial.Normal(shape, 1, SeedOf($"{site.Path}.{Bias}")), decay: false);
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

/// <summary>The new bias, [1, out].</summary>
internal sealed class BeftBias(AdapterTensor bias) : IProjectionDelta, IMergeableProjection
{
    public Tensor Delta(Tensor x, Tensor wx, WeightStore weight, ForwardContext context) => bias.Get(context).expand(wx.shape);

    public Tensor MergedWeight(Tensor weight, ForwardContext context) => weight;

    public Tensor? MergedBias(Tensor? own, ForwardContext context) => own is null
        ? throw new PeftException($"BEFT cannot be merged: {bias.Path} has no bias that it could be written into; serve it as an adapter instead.")
        : own.Plus(bias.Get(context).view(-1));
}
