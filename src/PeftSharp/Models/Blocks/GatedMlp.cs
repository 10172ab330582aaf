using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Models.Blocks;

/// <summary>A gated feed-forward block: down(act(gate(x)) ⊙ up(x)) (Shazeer 2020, arXiv 2002.05202).</summary>
internal sealed class GatedMlp
{
    private readonly string _activation;
    private readonly Func<Tensor, ForwardContext, Tensor[]> _gateAndUp;
    private readonly ProjectionSite _down;
    private readonly ProjectionSite? _gate, _up; // null where one map makes both

    public GatedMlp(SiteBuilder build, DecoderShape shape)
    {
        _activation = shape.Activation;
        var (inner, hidden) = (shape.Intermediate, shape.Hidden);
        if (shape.FusedMaps)
        {
            var layout = new SliceLayout { HasBias = shape.FeedForwardBias };
            var fused = build.Sliced("gate_up_proj", hidden, layout, (ProjectionRole.Gate, inner), (ProjectionRole.Intermediate, inner));
            _gateAndUp = fused.Forward;
        }
        else
        {
            var gate = build.Projection("gate_proj", ProjectionRole.Gate, inner, hidden, shape.FeedForwardBias);
            var up = build.Projection("up_proj", ProjectionRole.Intermediate, inner, hidden, shape.FeedForwardBias);
            var joined = build.Group(gate, up);
            _gateAndUp = (x, context) => joined.Forward(x, context);
            (_gate, _up) = (gate, up);
        }
        _down = build.Projection("down_proj", ProjectionRole.FeedForwardOutput, hidden, inner, shape.FeedForwardBias);
    }

    /// <summary>The maps; null where one makes gate and input.</summary>
    public (ProjectionSite Gate, ProjectionSite Up, ProjectionSite Down)? Maps =>
        _gate is null || _up is null ? null : (_gate, _up, _down);

    /// <summary>[rows, tokens, hidden] → the same.</summary>
    public Tensor Forward(Tensor x, ForwardContext context)
    {
        using var scope = NewDisposeScope();
        var wide = _gateAndUp(x, context);                                      // gate and up, each [rows, tokens, intermediate]
        return _down.Forward(Activation.Gated(_activation, wide[0], wide[1]), context).MoveToOuterDisposeScope();
    }
}
