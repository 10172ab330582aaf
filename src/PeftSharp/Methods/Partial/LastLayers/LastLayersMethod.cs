using System.Text.Json.Nodes;
using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Partial.LastLayers;

/// <summary>
/// Fine-tuning by place: trained copies stand in for the tensors of chosen layers, each layer with a rate of its own where that is asked
/// for.
/// </summary>
internal sealed class LastLayersMethod(string name, LastLayersOptions options) : PeftMethod(name)
{
    private readonly Dictionary<AdapterTensor, int> _depths = [];
    // Null before a run with phases begins: everything is trained.
    private int? _phase;

    /// <summary>What the registry says of it.</summary>
    public static MethodInfo Info { get; } = new()
    {
        Name = "last-layers",
        Aliases = ["top-layers"],
        Family = MethodFamily.Partial,
        PeftType = "LAST_LAYERS",
        Paper = "the usual control; rates by layer and gradual unfreezing: Howard and Ruder 2018, arXiv 1801.06146; chain-thaw: "
            + "Felbo et al. 2017, arXiv 1708.00524",
        Sites = "slots",
        Summary = "Only the topmost layers are trained, or chosen ones, and the head.",
        Formula = "every tensor of the chosen layers trained, from its own value; layer l of L learns at rate · rate_decay^(L − l)",
        OptionsType = typeof(LastLayersOptions),
        NeutralStart = true,
        Mergeable = true,
        Presets = new Dictionary<string, Func<MethodOptions>>
        {
            ["layer-decay"] = () => new LastLayersOptions { Count = int.MaxValue, Embeddings = true, RateDecay = 0.8 },
            ["gradual-unfreezing"] = () => new LastLayersOptions
            {
                Count = int.MaxValue,
                Embeddings = true,
                Unfreeze = Unfreezing.Gradual,
            },
            ["chain-thaw"] = () => new LastLayersOptions { Count = int.MaxValue, Embeddings = true, Unfreeze = Unfreezing.Chain },
        },
    };

    /// <inheritdoc/>
    public override MethodOptions Options => options;

    /// <inheritdoc/>
    protected override void OnAttach(MethodHost host)
    {
        OnDetach(_depths.Clear);
        _phase = null;
        foreach (var stack in host.Sites.Layers.Where(l => l.Layer >= 0).GroupBy(l => l.Place.Stack)) TrainLayers([.. stack], host.Sites);
        foreach (var slot in host.Sites.Slots.Where(s => !IsHead(s, host)))
        {
            var layer = host.Sites.LayerOf(slot.Module);
            if (layer is null && options.Above) _depths.Add(TrainCopy(slot), 0);
            if (layer < 0 && options.Embeddings) Train(slot, Depth(host.Sites) + 1, "embeddings");
        }
        TrainModules(options.ModulesToSave);
        foreach (var tensor in Tensors) _depths.TryAdd(tensor, 0);
    }

    private IReadOnlyList<IReadOnlyList<int>> Order => Unfreezing.Phases(options.Unfreeze, [.. _depths.Values.Distinct().Order()]);

    /// <inheritdoc/>
    public override IReadOnlyList<TrainingPhase> Phases =>
        Order is { Count: > 1 } order ? [.. order.Select((_, i) => new TrainingPhase($"{options.Unfreeze} {i + 1}"))] : [];

    /// <inheritdoc/>
    internal override bool PhasesReachHead => options.Unfreeze != Unfreezing.Together;

    /// <inheritdoc/>
    public override void OnPrepare(PreparationData data) => Enter(0);

    /// <inheritdoc/>
    public override void OnPhase(int phase) => Enter(phase);

    // What is frozen has no gradient, and its optimizer's state stays as it begins.
    private void Enter(int? phase)
    {
        _phase = Order.Count > 1 ? phase : null;
        foreach (var (tensor, depth) in _depths) tensor.Value.requires_grad_(_phase is not { } at || Order[at].Contains(depth));
    }

    /// <inheritdoc/>
    public override JsonNode? StateJson => _phase is { } phase ? new JsonObject { ["phase"] = phase } : null;

    /// <inheritdoc/>
    public override void RestoreState(IReadOnlyDictionary<string, Tensor> tensors, JsonNode? json)
    {
        base.RestoreState(tensors, null);
        if (json is null)
        {
            Enter(null);
            return;
        }
        var phase = (json as JsonObject)?["phase"] is JsonValue value && value.TryGetValue<int>(out var told) ? told : -1;
        if (phase < 0 || phase >= Order.Count)
            throw new PeftException(
                $"The saved training state is not that of {Options.PeftType} in {Order.Count} phases; resume the run that it belongs to.");
        Enter(phase);
    }

    private void TrainLayers(IReadOnlyList<LayerSite> stack, SiteMap sites)
    {
        foreach (var index in options.Layers?.Indices ?? [])
            if (stack.All(l => l.Layer != index))
                throw new PeftException($"LAST_LAYERS: \"layers\" names layer {index}; the model has layers 0 to {stack.Count - 1}.");
        var count = Math.Min(options.Count ?? 1, stack.Count);
        var chosen = options.Layers is { } named ? stack.Where(l => named.Indices.Contains(l.Layer)) : stack.TakeLast(count);
        foreach (var layer in chosen)
            foreach (
                var slot in sites.Slots.Where(s => s.Module.StartsWith($"{layer.Path}.", StringComparison.Ordinal) && IsWanted(s, sites)))
                Train(slot, stack.Count - layer.Layer, $"layer {layer.Layer}");
    }

    private void Train(Slot slot, int depth, string group)
    {
        if (Tensors.Any(t => t.Name == slot.Name)) return; // layers may share their tensors (ALBERT)
        var tensor = TrainCopy(slot);
        _depths.Add(tensor, depth);
        if (options.RateDecay < 1) (tensor.Group, tensor.RateFactor) = (group, Math.Pow(options.RateDecay, depth));
    }

    private static int Depth(SiteMap sites) => sites.Layers.Max(l => l.Layer) + 1;

    private static bool IsHead(Slot slot, MethodHost host) => host.WholeHead.Any(m => Targets.IsSavedModule(slot.Module, m));

    private bool IsWanted(Slot slot, SiteMap sites)
    {
        if (options.Components is not { } components) return true;
        return components.Contains(slot.Kind switch
        {
            SlotKind.NormWeight or SlotKind.NormBias => "norm",
            SlotKind.Embedding => "attention", // relative positions
            _ => sites.Projections.FirstOrDefault(p => p.Weight == slot || p.Bias == slot)?.Role switch
            {
                ProjectionRole.Intermediate or ProjectionRole.Gate or ProjectionRole.FeedForwardOutput => "feed_forward",
                _ => "attention",
            },
        });
    }
}
