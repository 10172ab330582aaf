using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Models.Blocks;

/// <summary>A pre-norm decoder layer with one map for queries, keys and values (GPT-2).</summary>
internal sealed class Gpt2Layer
{
    private readonly Gpt2Config _shape;
    private readonly Norm _attentionNorm, _feedForwardNorm;
    private readonly SlicedProjection _queryKeyValue;
    private readonly ProjectionSite _attentionOutput, _wide, _narrow;
    private readonly AttentionSite _attention;
    private readonly BranchSite _afterAttention, _afterFeedForward;
    private readonly LayerSite _output;

    public Gpt2Layer(SiteBuilder build, Gpt2Config shape)
    {
        _shape = shape;
        var hidden = shape.Hidden;
        _attentionNorm = build.Norm("ln_1", hidden, shape.Epsilon);
        var attention = build.In("attn");
        _queryKeyValue = attention.Sliced(
            "c_attn", hidden, new() { Transposed = true }, (ProjectionRole.Query, hidden), (ProjectionRole.Key, hidden),
            (ProjectionRole.Value, hidden));
        _attentionOutput = attention.Transposed("c_proj", ProjectionRole.AttentionOutput, hidden, hidden);
        var parts = _queryKeyValue.Parts;
        _attention = attention.Attention(AttentionKind.Self, shape.Attention, parts[0], parts[1], parts[2], _attentionOutput);
        _feedForwardNorm = build.Norm("ln_2", hidden, shape.Epsilon);
        _wide = build.Transposed("mlp.c_fc", ProjectionRole.Intermediate, shape.Intermediate, hidden);
        _narrow = build.Transposed("mlp.c_proj", ProjectionRole.FeedForwardOutput, hidden, shape.Intermediate);
        _afterAttention = build.Branch("attention_adapters", BranchKind.Attention, hidden, null);
        _afterFeedForward = build.Branch("output_adapters", BranchKind.FeedForward, hidden, null);
        _output = build.Layer(hidden);
    }

    /// <summary>Runs the layer: [rows, tokens, hidden] → the same.</summary>
    public Tensor Forward(Tensor x, KeyMask mask, ForwardContext context)
    {
        using var scope = NewDisposeScope();
        var read = _attentionNorm.Forward(x, context);
        x = _afterAttention.Forward(Attend(read, mask, context), residual: x, input: read, context);
        read = _feedForwardNorm.Forward(x, context);
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
