using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Models.Blocks;

/// <summary>OPT's decoder layer: norms before the branches, or behind their sums.</summary>
internal sealed class OptLayer
{
    private const double Epsilon = 1e-5;

    private readonly OptConfig _shape;
    private readonly Norm _attentionNorm, _feedForwardNorm;
    private readonly ProjectionGroup _queryKeyValue;
    private readonly ProjectionSite _attentionOutput, _wide, _narrow;
    private readonly AttentionSite _attention;
    private readonly BranchSite _afterAttention, _afterFeedForward;
    private readonly LayerSite _output;

    public OptLayer(SiteBuilder build, OptConfig shape)
    {
        _shape = shape;
        var hidden = shape.Hidden;
        var attention = build.In("self_attn");
        ProjectionSite Map(string name, ProjectionRole role) => attention.Projection(name, role, hidden, hidden, shape.HasBias);
        var (key, value, query) =
            (Map("k_proj", ProjectionRole.Key), Map("v_proj", ProjectionRole.Value), Map("q_proj", ProjectionRole.Query));
        _queryKeyValue = build.Group(query, key, value);
        _attentionOutput = Map("out_proj", ProjectionRole.AttentionOutput);
        _attention = attention.Attention(AttentionKind.Self, shape.Attention, query, key, value, _attentionOutput);
        _attentionNorm = build.Norm("self_attn_layer_norm", hidden, Epsilon);
        _wide = build.Projection("fc1", ProjectionRole.Intermediate, shape.Intermediate, hidden, shape.HasBias);
        _narrow = build.Projection("fc2", ProjectionRole.FeedForwardOutput, hidden, shape.Intermediate, shape.HasBias);
        _feedForwardNorm = build.Norm("final_layer_norm", hidden, Epsilon);
        Norm? Behind(Norm norm) => shape.NormsBefore ? null : norm;
        _afterAttention = build.Branch("attention_adapters", BranchKind.Attention, hidden, Behind(_attentionNorm));
        _afterFeedForward = build.Branch("output_adapters", BranchKind.FeedForward, hidden, Behind(_feedForwardNorm));
        _output = build.Layer(hidden);
    }

    /// <summary>Runs the layer: [rows, tokens, hidden] → the same.</summary>
    public Tensor Forward(Tensor x, KeyMask mask, ForwardContext context)
    {
        using var scope = NewDisposeScope();
        var read = _shape.NormsBefore ? _attentionNorm.Forward(x, context) : x;
        x = _afterAttention.Forward(Attend(read, mask, context), residual: x, input: read, context);
        read = _shape.NormsBefore ? _feedForwardNorm.Forward(x, context) : x;
        x = _afterFeedForward.Forward(FeedForward(read, context), residual: x, input: read, context);
        return _output.Forward(x, context).MoveToOuterDisposeScope();
    }

    private Tensor Attend(Tensor x, KeyMask mask, ForwardContext context)
    {
        using var scope = NewDisposeScope();
        var maps = _queryKeyValue.Forward(x, context);
        var joined =
            _attention.Attend(SplitHeads(maps[0]), SplitHeads(maps[1]), SplitHeads(maps[2]), x, mask, _shape.AttentionDropout, context);
        return Drop(_attentionOutput.Forward(joined, context), _afterAttention, context).MoveToOuterDisposeScope();
    }

    private Tensor FeedForward(Tensor x, ForwardContext context)
    {
        using var scope = NewDisposeScope();
        var wide = Activation.Apply(_shape.Activation, _wide.Forward(x, context));
        return Drop(_narrow.Forward(wide, context), _afterFeedForward, context).MoveToOuterDisposeScope();
    }

    private Tensor Drop(Tensor x, BranchSite branch, ForwardContext context) =>
        Dropout.Base(x, _shape.ResidualDropout, branch.Path, context);

    private Tensor SplitHeads(Tensor x)
    {
        var shape = x.shape;
        return x.reshape(shape[0], shape[1], _shape.Attention.Heads, _shape.Attention.HeadDim).transpose(1, 2);
    }
}
