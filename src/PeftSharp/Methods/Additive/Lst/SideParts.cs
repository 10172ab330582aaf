using PeftSharp.Interop;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Additive.Lst;

/// <summary>Makes the blocks of a side network: as many heads as the model's, everything narrower.</summary>
internal sealed class SideParts
{
    private readonly LstMethod _method;
    private readonly LstOptions _options;
    private readonly LayerStack _stack;
    private readonly bool _crosses;
    private readonly Lazy<SidePruning> _pruning;

    /// <summary>Measures the model.</summary>
    /// <param name="method">The adapter that the tensors belong to.</param>
    /// <param name="options">Its settings.</param>
    /// <param name="stack">The stack that the network stands beside.</param>
    /// <param name="crosses">True if its blocks attend to an encoder's side network.</param>
    public SideParts(LstMethod method, LstOptions options, LayerStack stack, bool crosses)
    {
        (_method, _options, _stack, _crosses) = (method, options, stack, crosses);
        Width = Narrow(method.Host.Width);
        _pruning = new(() => new(method.Host.Sites.Embeddings[0].Table.Base, method.Host.Width, Width));
    }

    /// <summary>Width of the side network.</summary>
    public int Width { get; }

    /// <summary>The block behind a layer.</summary>
    public SideBlock Block(string path, int layer)
    {
        var cross = _crosses ? Attention($"{path}.cross", layer, AttentionKind.Cross) : null;
        var sites = _method.Host.Sites;
        var maps = sites.Projections.Concat(sites.Parts).Where(m => m.Place.Layer == layer && m.Place.Stack == _stack).ToList();
        var down = maps.FirstOrDefault(m => m.Role == ProjectionRole.FeedForwardOutput);
        var wide = maps.FirstOrDefault(m => m.Role == ProjectionRole.Intermediate && m.OutFeatures == down?.InFeatures);
        var inner = Narrow((int)(down?.InFeatures ?? 4 * _method.Host.Width));
        var kept = new Lazy<Tensor>(() => SidePruning.Largest(
            wide!.Weight.Value.abs().sum([1L]).Plus(down!.Weight.Value.abs().sum([0L])), inner));
        var pruned = wide is not null && down is not null;
        return new(
            Attention($"{path}.self", layer, AttentionKind.Self), cross, Scale($"{path}.feed_forward.norm"),
            Map($"{path}.feed_forward.widen", [inner, Width], pruned ? () => _pruning.Value.Reading(wide!.Weight.Value, kept.Value) : null),
            Map(
                $"{path}.feed_forward.narrow", [Width, inner],
                pruned ? () => _pruning.Value.Writing(down!.Weight.Value, kept.Value) : null),
            _options.NonLinearity);
    }

    private SideAttention Attention(string path, int layer, AttentionKind kind)
    {
        var own = _method.Host.Sites.Attentions.First(a => a.Layer == layer && a.Kind == kind && a.Place.Stack == _stack);
        var shape = new AttentionShape(own.Heads, own.Heads, Narrow(own.HeadDim));
        var inner = (long)shape.Heads * shape.HeadDim;
        // Heads that share keys get keys of their own.
        Tensor Spread(ProjectionSite map) => own.KeyHeads == own.Heads ? map.Weight.Value
            : map.Weight.Value.view(own.KeyHeads, own.HeadDim, -1).repeat_interleave(own.Heads / own.KeyHeads, 0).flatten(0, 1);
        Tensor Scores(Tensor a, Tensor b) =>
            SidePruning.OfHeads(a.abs().sum([1L]).Plus(b.abs().sum([1L])), own.Shape, shape.HeadDim);
        var asked = new Lazy<Tensor>(() => Scores(own.Query.Weight.Value, Spread(own.Key)));
        var given = new Lazy<Tensor>(() => Scores(Spread(own.Value), own.Output.Weight.Value.t()));
        return new(
            Scale($"{path}.norm"), Map($"{path}.query", [inner, Width], () => _pruning.Value.Reading(own.Query.Weight.Value, asked.Value)),
            Map($"{path}.key", [inner, Width], () => _pruning.Value.Reading(Spread(own.Key), asked.Value)),
            Map($"{path}.value", [inner, Width], () => _pruning.Value.Reading(Spread(own.Value), given.Value)),
            Map($"{path}.output", [Width, inner], () => _pruning.Value.Writing(own.Output.Weight.Value, given.Value)), shape);
    }

    private AdapterTensor Scale(string path) => _method.AddPart(path, "weight", [Width], () => ones(Width), decay: false);

    private AdapterTensor Map(string path, long[] shape, Func<Tensor>? pruned) => _method.AddPart(
        path, "weight", shape, () => _options.Init == "pruned" && pruned is not null ? pruned() : _method.Kaiming(shape, path));

    private int Narrow(int size) => Math.Max(1, size / _options.ReductionFactor);
}
