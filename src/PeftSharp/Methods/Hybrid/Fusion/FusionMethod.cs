using System.Text.Json.Nodes;
using PeftSharp.Interop;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Hybrid.Fusion;

/// <summary>
/// AdapterFusion (Pfeiffer et al. 2021, arXiv 2005.00247): an attention over what several trained adapters add, trained in a second stage
/// while they stay as they are. It is an artefact beside its adapters: it has tensors and a head of its own, and acts with them alone.
/// </summary>
public sealed class FusionMethod(string name, FusionOptions options) : PeftMethod(name)
{
    private const double Hottest = 50, Cooling = Hottest / 1000, Pull = 0.01;

    // Beside the ones of a value map's start.
    private const double Beside = 1e-6;

    // 980 steps of training and more.
    private const int Cold = 980;

    /// <summary>What it is; the registry lists methods that need no other adapters, so it is not there.</summary>
    internal static MethodInfo Info { get; } = new()
    {
        Name = "fusion",
        Family = MethodFamily.Hybrid,
        PeftType = FusionOptions.Type,
        Paper = "Pfeiffer et al. 2021, arXiv 2005.00247",
        Sites = "the residual branches of the adapters that it fuses",
        Summary = "An attention over what several trained bottleneck adapters add, trained while they stay as they are.",
        Formula = "softmax(q(x)·k(uᵢ)) weighs v(uᵢ), uᵢ what adapter i adds; + 0.01·Σ‖I − V‖² in the loss",
        OptionsType = typeof(FusionOptions),
        Layouts = [FusionLayout.Instance],
    };

    private readonly List<AdapterTensor> _values = [];
    private int _steps;

    /// <inheritdoc/>
    public override MethodOptions Options => options;

    /// <summary>What is fused, in order: adapters, or stacks of adapters.</summary>
    internal IReadOnlyList<AdapterComposition> Fused => options.Fused;

    /// <summary>The fusion with what it fuses, to be selected or saved.</summary>
    public AdapterComposition Whole => Tag.Acts;

    /// <summary>Names of the adapters whose outputs are fused, in order, as they are at present.</summary>
    public IReadOnlyList<string> FusedNames => [.. Fused.Select(child => child.Last.Name)];

    /// <summary>What the scores are divided by in training at present.</summary>
    internal double CurrentTemperature => options.Temperature ? Math.Max(Hottest - Cooling * _steps, 1) : 1;

    /// <inheritdoc/>
    protected override void OnAttach(MethodHost host)
    {
        Tag.Acts = AdapterComposition.FuseOf(Tag, Fused);
        _values.Clear();
        _steps = host.FromFile ? Cold : 0;
        var sites = host.Sites.Branches.Where(site => Fused.Any(child => Acts(site, child))).ToList();
        if (sites.Count == 0)
            throw new PeftException(
                $"{FusionOptions.Type}: none of the adapters {string.Join(", ", FusedNames)} acts at a residual branch; fuse "
                + "bottleneck adapters.");
        foreach (var site in sites)
        {
            if (Fused.FirstOrDefault(child => !Acts(site, child)) is { } idle)
                throw new PeftException(
                    $"{FusionOptions.Type}: \"{idle.Last.Name}\" does not act at {site.Path}, where others act; fuse adapters that "
                    + "act at the same places.");
            Plug(site.Fusions, Layer(site));
        }
        TrainModules(options.ModulesToSave);
    }

    private static bool Acts(BranchSite site, AdapterComposition child) => site.Plugins.Of(child.Last) is [IFusibleBranch];

    private FusionLayer Layer(BranchSite site)
    {
        FusionMap Map(string local, bool hasBias) => new(
            Add(site.Path, $"{local}.weight", [site.Width, site.Width],
                () => Initial.Normal([site.Width, site.Width], 0.02, SeedOf($"{site.Path}.{local}"))),
            hasBias ? Add(site.Path, $"{local}.bias", zeros(site.Width), decay: false) : null);
        var query = options.Query ? Map("query", true) : null;
        var key = options.Key ? Map("key", true) : null;
        var value = options.Value ? Value(site) : null;
        return new(options, query, key, value, site.Path, () => CurrentTemperature);
    }

    private FusionMap Value(BranchSite site)
    {
        Tensor Start() => options.ValueInitialized
            ? eye(site.Width, dtype: ScalarType.Float64).Times(1 - Beside).Plus(Beside)
            : Initial.Normal([site.Width, site.Width], 0.02, SeedOf($"{site.Path}.value"));
        var weight = Add(site.Path, "value.weight", [site.Width, site.Width], Start);
        _values.Add(weight);
        return new(weight, null);
    }

    /// <inheritdoc/>
    public override BatchLoss ComputeLoss(BatchLoss loss, LossCall call)
    {
        if (!options.Regularization || _values.Count == 0) return loss;
        var pull = _values.Select(DistanceFromIdentity).Aggregate((sum, next) => sum.Plus(next)).Times(Pull);
        return loss with { Mean = loss.Mean.Plus(pull) };
    }

    private static Tensor DistanceFromIdentity(AdapterTensor value)
    {
        var identity = eye(value.Value.shape[0], dtype: value.Value.dtype, device: value.Value.device);
        return identity.Plus(value.Value, -1).Squared().sum();
    }

    /// <inheritdoc/>
    public override void AfterStep(StepState step) => _steps = Math.Min(_steps + 1, Cold);

    /// <inheritdoc/>
    public override JsonNode? StateJson => options.Temperature ? new JsonObject { ["steps"] = _steps } : null;

    /// <inheritdoc/>
    public override void RestoreState(IReadOnlyDictionary<string, Tensor> tensors, JsonNode? json)
    {
        base.RestoreState(tensors, json);
        if (!options.Temperature) return;
        _steps = json is JsonObject state && state["steps"] is JsonValue value && value.TryGetValue<int>(out var steps)
            && steps is >= 0 and <= Cold ? steps
            : throw new PeftException(
                $"{FusionOptions.Type}: the saved state lacks the number of steps taken; resume from another checkpoint.");
    }
}
