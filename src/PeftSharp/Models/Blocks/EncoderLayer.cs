using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Models.Blocks;

/// <summary>A post-norm transformer layer: attention, add, norm, feed-forward, add, norm (BERT and its kin).</summary>
internal sealed class EncoderLayer : IEncoderLayer
{
    private readonly EncoderShape _shape;
    private readonly ProjectionSite _query, _key, _value, _attentionOutput, _intermediate, _feedForwardOutput;
    private readonly ProjectionGroup _queryKeyValue;
    private readonly AttentionSite _attention;
    private readonly BranchSite _attentionBranch, _feedForwardBranch;
    private readonly LayerSite _output;
    private readonly DisentangledBias? _bias;

    /// <param name="build">The layer's place.</param>
    /// <param name="shape">Its shape.</param>
    /// <param name="names">What its parts are called.</param>
    /// <param name="bias">What is added to scores by content and distance (DeBERTa); null for nothing.</param>
    public EncoderLayer(SiteBuilder build, EncoderShape shape, EncoderNames names, DisentangledBias? bias = null)
    {
        (_shape, _bias) = (shape, bias);
        var (hidden, inner) = (shape.Hidden, shape.Intermediate);
        _query = build.Projection(names.Query, ProjectionRole.Query, hidden, hidden);
        _key = build.Projection(names.Key, ProjectionRole.Key, hidden, hidden);
        _value = build.Projection(names.Value, ProjectionRole.Value, hidden, hidden);
        _queryKeyValue = build.Group(_query, _key, _value);
        _attentionOutput = build.Projection(names.AttentionOutput, ProjectionRole.AttentionOutput, hidden, hidden);
        var attentionNorm = build.Norm(names.AttentionNorm, hidden, shape.Epsilon);
        _intermediate = build.Projection(names.Intermediate, ProjectionRole.Intermediate, inner, hidden);
        _feedForwardOutput = build.Projection(names.FeedForwardOutput, ProjectionRole.FeedForwardOutput, hidden, inner);
        var feedForwardNorm = build.Norm(names.FeedForwardNorm, hidden, shape.Epsilon);
        _attention = build.In(names.Attention).Attention(AttentionKind.Self, shape.Attention, _query, _key, _value, _attentionOutput);
        _attentionBranch = build.Branch(names.AttentionBranch, BranchKind.Attention, hidden, attentionNorm);
        _feedForwardBranch = build.Branch(names.FeedForwardBranch, BranchKind.FeedForward, hidden, feedForwardNorm);
        _output = build.Layer(hidden);
    }

    /// <inheritdoc/>
    public Tensor Forward(Tensor x, KeyMask mask, bool firstTokenOnly, ForwardContext context)
    {
        var middle = Attend(x, mask, firstTokenOnly, context);                  // [rows, queries, hidden]
        return FeedForward(middle, context);
    }

    // A scope for each block: what autograd does not keep is free when the block is done.
    private Tensor Attend(Tensor x, KeyMask mask, bool firstTokenOnly, ForwardContext context)
    {
        using var scope = NewDisposeScope();
        // Contiguous: libtorch multiplies a strided slice in another order for frozen weights than for trained ones.
        var read = firstTokenOnly ? x.narrow(1, 0, 1).contiguous() : x;         // where the output is wanted
        var attended = Dropout.Base(
            _attentionOutput.Forward(Join(x, read, mask, firstTokenOnly, context), context), _shape.HiddenDropout, _attentionBranch.Path,
            context);
        return _attentionBranch.Forward(attended, read, read, context).MoveToOuterDisposeScope();
    }

    // [rows, queries, hidden]
    private Tensor Join(Tensor x, Tensor read, KeyMask mask, bool firstTokenOnly, ForwardContext context)
    {
        using var scope = NewDisposeScope();
        var maps = firstTokenOnly
            ? [_query.Forward(read, context), .. _queryKeyValue.Forward(x, context, first: 1)]
            : _queryKeyValue.Forward(x, context);
        var query = SplitHeads(maps[0]);                                        // [rows, heads, queries, headDim]
        var key = SplitHeads(maps[1]);                                          // [rows, heads, tokens, headDim]
        var value = SplitHeads(maps[2]);
        if (_bias is not null) mask = _bias.Extend(mask, query, key, _query, _key, context);
        return _attention.Attend(query, key, value, x, mask, _shape.AttentionDropout, context).MoveToOuterDisposeScope();
    }

    private Tensor FeedForward(Tensor x, ForwardContext context)
    {
        using var scope = NewDisposeScope();
        var wide = Activation.Apply(
            _shape.Activation, _intermediate.Forward(x, context, keepHalf: !_feedForwardOutput.Plugins.AnyActive(context)));
        var narrow = Dropout.Base(_feedForwardOutput.Forward(wide, context), _shape.FeedForwardDropout, _feedForwardBranch.Path, context);
        return _output.Forward(_feedForwardBranch.Forward(narrow, x, x, context), context).MoveToOuterDisposeScope();
    }

    private Tensor SplitHeads(Tensor x)
    {
        var shape = x.shape;
        return x.reshape(shape[0], shape[1], _shape.Heads, _shape.HeadDim).transpose(1, 2);
    }
}
