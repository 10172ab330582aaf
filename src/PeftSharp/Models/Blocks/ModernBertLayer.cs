using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Models.Blocks;

/// <summary>
/// A pre-norm encoder layer with rotary positions, one map for queries, keys and values and one for input and gate (ModernBERT).
/// </summary>
internal sealed class ModernBertLayer
{
    private readonly ModernBertConfig _shape;
    private readonly Norm? _attentionNorm;
    private readonly Norm _feedForwardNorm;
    private readonly SlicedProjection _queryKeyValue, _inputAndGate;
    private readonly ProjectionSite _attentionOutput, _narrow;
    private readonly AttentionSite _attention;
    private readonly BranchSite _afterAttention, _afterFeedForward;
    private readonly LayerSite _output;

    public ModernBertLayer(SiteBuilder build, int layer, ModernBertConfig shape)
    {
        _shape = shape;
        var (hidden, inner) = (shape.Hidden, shape.Intermediate);
        // The embeddings' norm stands before the first layer already.
        _attentionNorm = layer == 0 ? null : build.Norm("attn_norm", hidden, shape.Epsilon, hasBias: shape.NormBias);
        var attention = build.In("attn");
        _queryKeyValue = attention.Sliced(
            "Wqkv", hidden, new() { HasBias = shape.AttentionBias }, (ProjectionRole.Query, hidden), (ProjectionRole.Key, hidden),
            (ProjectionRole.Value, hidden));
        _attentionOutput = attention.Projection("Wo", ProjectionRole.AttentionOutput, hidden, hidden, shape.AttentionBias);
        var parts = _queryKeyValue.Parts;
        _attention = attention.Attention(AttentionKind.Self, shape.Attention, parts[0], parts[1], parts[2], _attentionOutput);
        _feedForwardNorm = build.Norm("mlp_norm", hidden, shape.Epsilon, hasBias: shape.NormBias);
        _inputAndGate = build.Sliced(
            "mlp.Wi", hidden, new() { HasBias = shape.FeedForwardBias }, (ProjectionRole.Intermediate, inner),
            (ProjectionRole.Gate, inner));
        _narrow = build.Projection("mlp.Wo", ProjectionRole.FeedForwardOutput, hidden, inner, shape.FeedForwardBias);
        _afterAttention = build.Branch("attention_adapters", BranchKind.Attention, hidden, null);
        _afterFeedForward = build.Branch("output_adapters", BranchKind.FeedForward, hidden, null);
        _output = build.Layer(hidden);
    }

    /// <summary>Runs the layer: [rows, tokens, hidden] → the same.</summary>
    public Tensor Forward(Tensor x, KeyMask mask, Rotary.Angles angles, ForwardContext context)
    {
        using var scope = NewDisposeScope();
        var read = _attentionNorm?.Forward(x, context) ?? x;
        x = _afterAttention.Forward(Attend(read, mask, angles, context), residual: x, input: read, context);
        read = _feedForwardNorm.Forward(x, context);
        x = _afterFeedForward.Forward(FeedForward(read, context), residual: x, input: read, context);
        return _output.Forward(x, context).MoveToOuterDisposeScope();
    }

    private Tensor Attend(Tensor x, KeyMask mask, Rotary.Angles angles, ForwardContext context)
    {
        using var scope = NewDisposeScope();
        var maps = _queryKeyValue.Forward(x, context);
        var query = Rotary.Apply(SplitHeads(maps[0]), angles);                  // [rows, heads, tokens, headDim]
        var key = Rotary.Apply(SplitHeads(maps[1]), angles);
        var joined = _attention.Attend(query, key, SplitHeads(maps[2]), x, mask, _shape.AttentionDropout, context);
        var attended = _attentionOutput.Forward(joined, context);
        return Dropout.Base(attended, _shape.AttentionDropout, _afterAttention.Path, context).MoveToOuterDisposeScope();
    }

    private Tensor FeedForward(Tensor x, ForwardContext context)
    {
        using var scope = NewDisposeScope();
        var maps = _inputAndGate.Forward(x, context);                           // each [rows, tokens, intermediate]
        var gated = Activation.Apply(_shape.Activation, maps[0]) * maps[1];
        return _narrow.Forward(Dropout.Base(gated, _shape.FeedForwardDropout, _narrow.Path, context), context).MoveToOuterDisposeScope();
    }

    private Tensor SplitHeads(Tensor x)
    {
        var shape = x.shape;
        return x.reshape(shape[0], shape[1], _shape.Attention.Heads, _shape.Attention.HeadDim).transpose(1, 2);
    }
}
