using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Models.Blocks;

/// <summary>
/// A pre-norm decoder layer whose two branches stand beside each other (Falcon), or behind each other in its oldest form.
/// </summary>
internal sealed class FalconLayer
{
    private readonly FalconConfig _shape;
    private readonly Norm _attentionNorm;
    private readonly Norm? _feedForwardNorm;
    private readonly SlicedProjection _queryKeyValue;
    private readonly ProjectionSite _attentionOutput, _wide, _narrow;
    private readonly AttentionSite _attention;
    private readonly BranchSite _afterAttention, _afterFeedForward;
    private readonly LayerSite _output;

    public FalconLayer(SiteBuilder build, FalconConfig shape)
    {
        _shape = shape;
        var (hidden, heads) = (shape.Hidden, shape.Attention);
        _attentionNorm = build.Norm(shape.OwnNorms ? "ln_attn" : "input_layernorm", hidden, shape.Epsilon);
        var attention = build.In("self_attention");
        long keys = heads.KeyHeads * heads.HeadDim;
        _queryKeyValue = attention.Sliced(
            "query_key_value", hidden, new() { Blocks = shape.Blocks, HasBias = shape.HasBias },
            (ProjectionRole.Query, hidden), (ProjectionRole.Key, keys), (ProjectionRole.Value, keys));
        _attentionOutput = attention.Projection("dense", ProjectionRole.AttentionOutput, hidden, hidden, shape.HasBias);
        var parts = _queryKeyValue.Parts;
        _attention = attention.Attention(AttentionKind.Self, heads, parts[0], parts[1], parts[2], _attentionOutput);
        if (shape.OwnNorms) _feedForwardNorm = build.Norm("ln_mlp", hidden, shape.Epsilon);
        else if (!shape.Parallel) _feedForwardNorm = build.Norm("post_attention_layernorm", hidden, shape.Epsilon);
        _wide = build.Projection("mlp.dense_h_to_4h", ProjectionRole.Intermediate, shape.Intermediate, hidden, shape.HasBias);
        _narrow = build.Projection("mlp.dense_4h_to_h", ProjectionRole.FeedForwardOutput, hidden, shape.Intermediate, shape.HasBias);
        _afterAttention = build.Branch("attention_adapters", BranchKind.Attention, hidden, null);
        _afterFeedForward = build.Branch("output_adapters", BranchKind.FeedForward, hidden, null);
        _output = build.Layer(hidden);
    }

    /// <summary>Runs the layer: [rows, tokens, hidden] → the same.</summary>
    /// <param name="x">The hidden states.</param>
    /// <param name="mask">Which tokens are seen.</param>
    /// <param name="angles">The tokens' positions; null where the mask says them.</param>
    /// <param name="context">The call.</param>
    public Tensor Forward(Tensor x, KeyMask mask, Rotary.Angles? angles, ForwardContext context)
    {
        using var scope = NewDisposeScope();
        var read = _attentionNorm.Forward(x, context);
        var attended = Attend(read, mask, angles, context);
        if (!_shape.Parallel)
        {
            attended = Dropout.Base(attended, _shape.AttentionDropout, _afterAttention.Path, context);
            x = _afterAttention.Forward(attended, residual: x, input: read, context);
            read = _feedForwardNorm!.Forward(x, context);
            return _output.Forward(End(FeedForward(read, context), x, read, context), context).MoveToOuterDisposeScope();
        }
        var wide = _feedForwardNorm is null ? read : _feedForwardNorm.Forward(x, context);
        var fed = FeedForward(wide, context);
        // One draw for the sum of both branches, which is a draw of the same name for each.
        attended = Dropout.Base(attended, _shape.HiddenDropout, _afterFeedForward.Path, context);
        x = _afterAttention.Forward(attended, residual: x, input: read, context);
        return _output.Forward(End(fed, x, wide, context), context).MoveToOuterDisposeScope();
    }

    private Tensor End(Tensor fed, Tensor x, Tensor read, ForwardContext context)
    {
        fed = Dropout.Base(fed, _shape.HiddenDropout, _afterFeedForward.Path, context);
        return _afterFeedForward.Forward(fed, residual: x, input: read, context);
    }

    private Tensor Attend(Tensor x, KeyMask mask, Rotary.Angles? angles, ForwardContext context)
    {
        using var scope = NewDisposeScope();
        var maps = _queryKeyValue.Forward(x, context);
        var query = SplitHeads(maps[0], _shape.Attention.Heads);                // [rows, heads, tokens, headDim]
        var key = SplitHeads(maps[1], _shape.Attention.KeyHeads);               // [rows, keyHeads, tokens, headDim]
        if (angles is { } turn) (query, key) = (Rotary.Apply(query, turn), Rotary.Apply(key, turn));
        var value = SplitHeads(maps[2], _shape.Attention.KeyHeads);
        var joined = _attention.Attend(query, key, value, x, mask, _shape.AttentionDropout, context);
        return _attentionOutput.Forward(joined, context).MoveToOuterDisposeScope();
    }

    private Tensor FeedForward(Tensor x, ForwardContext context)
    {
        using var scope = NewDisposeScope();
        var wide = Activation.Apply(_shape.Activation, _wide.Forward(x, context));
        return _narrow.Forward(wide, context).MoveToOuterDisposeScope();
    }

    private Tensor SplitHeads(Tensor x, int heads)
    {
        var shape = x.shape;
        return x.reshape(shape[0], shape[1], heads, _shape.Attention.HeadDim).transpose(1, 2);
    }
}
