using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Models.Blocks;

/// <summary>A gated feed-forward block: down(act(gate(x)) ⊙ up(x)) (Shazeer 2020, arXiv 2002.05202).</summary>
internal sealed class GatedMlp
{
    private readonly string _activation;
    private readonly ProjectionGroup _wide;
    private readonly ProjectionSite _down;

    public GatedMlp(SiteBuilder build, DecoderShape shape)
    {
        _activation = shape.Activation;
        var gate = build.Projection("gate_proj", ProjectionRole.Gate, shape.Intermediate, shape.Hidden, shape.FeedForwardBias);
        var up = build.Projection("up_proj", ProjectionRole.Intermediate, shape.Intermediate, shape.Hidden, shape.FeedForwardBias);
        _down = build.Projection("down_proj", ProjectionRole.FeedForwardOutput, shape.Hidden, shape.Intermediate, shape.FeedForwardBias);
        _wide = build.Group(gate, up);
    }

    /// <summary>[rows, tokens, hidden] → the same.</summary>
    public Tensor Forward(Tensor x, ForwardContext context)
    {
        using var scope = NewDisposeScope();
        var wide = _wide.Forward(x, context);
        return _down.Forward(Activation.Apply(_activation, wide[0]) * wide[1], context).MoveToOuterDisposeScope();
    }
}
