using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Models.Blocks;

/// <summary>T5's attention with the norm before it and the residual after it: to its own sequence, or to the encoder's output.</summary>
internal sealed class T5Attention
{
    private readonly T5Config _shape;
    private readonly Norm _norm;
    private readonly ProjectionSite _query, _key, _value, _output;
    private readonly ProjectionGroup? _queryKeyValue;
    private readonly AttentionSite _site;
    private readonly BranchSite _after;

    /// <param name="build">The place of the sublayer, for example <c>encoder.block.0.layer.0</c>.</param>
    /// <param name="kind">What is attended to.</param>
    /// <param name="shape">The model's shape.</param>
    public T5Attention(SiteBuilder build, AttentionKind kind, T5Config shape)
    {
        _shape = shape;
        var inner = shape.Attention.Heads * shape.Attention.HeadDim;
        var attention = build.In(kind == AttentionKind.Self ? "SelfAttention" : "EncDecAttention");
        _query = attention.Projection("q", ProjectionRole.Query, inner, shape.Hidden, hasBias: false);
        _key = attention.Projection("k", ProjectionRole.Key, inner, shape.Hidden, hasBias: false);
        _value = attention.Projection("v", ProjectionRole.Value, inner, shape.Hidden, hasBias: false);
        _output = attention.Projection("o", ProjectionRole.AttentionOutput, shape.Hidden, inner, hasBias: false);
        _queryKeyValue = kind == AttentionKind.Self ? build.Group(_query, _key, _value) : null;
        _site = attention.Attention(kind, shape.Attention, _query, _key, _value, _output);
        _norm = build.Norm("layer_norm", shape.Hidden, shape.Epsilon, NormKind.Rms);
        _after = build.Branch(
            "attention_adapters", kind == AttentionKind.Self ? BranchKind.Attention : BranchKind.CrossAttention, shape.Hidden, null);
    }

    /// <summary>Attends to the own sequence: [rows, tokens, hidden] → the same.</summary>
    public Tensor Forward(Tensor x, KeyMask mask, ForwardContext context)
    {
        using var scope = NewDisposeScope();
        var read = _norm.Forward(x, context);
        var maps = _queryKeyValue!.Forward(read, context);
        return End(x, read, SplitHeads(maps[0]), SplitHeads(maps[1]), SplitHeads(maps[2]), mask, context).MoveToOuterDisposeScope();
    }

    /// <summary>Attends to the encoder's output.</summary>
    /// <param name="x">[rows, tokens, hidden].</param>
    /// <param name="encoded">[rows, source tokens, hidden].</param>
    /// <param name="mask">Which source tokens are seen.</param>
    /// <param name="context">The call.</param>
    public Tensor Forward(Tensor x, Tensor encoded, KeyMask mask, ForwardContext context)
    {
        using var scope = NewDisposeScope();
        var read = _norm.Forward(x, context);
        var elsewhere = context.WithPadding(mask.Padding);
        (Tensor Key, Tensor Value) Read() => (SplitHeads(_key.Forward(encoded, elsewhere)), SplitHeads(_value.Forward(encoded, elsewhere)));
        var (key, value) = context.Cache is { } cache ? cache.Once(_site, Read) : Read();
        return End(x, read, SplitHeads(_query.Forward(read, context)), key, value, mask, context).MoveToOuterDisposeScope();
    }

    // Queries, keys and values [rows, heads, tokens, headDim].
    private Tensor End(Tensor x, Tensor read, Tensor query, Tensor key, Tensor value, KeyMask mask, ForwardContext context)
    {
        var joined = _site.Attend(query, key, value, read, mask, _shape.Dropout, context);
        var attended = Dropout.Base(_output.Forward(joined, context), _shape.Dropout, _after.Path, context);
        return _after.Forward(attended, residual: x, input: read, context);
    }

    private Tensor SplitHeads(Tensor x)
    {
        var shape = x.shape;
        return x.reshape(shape[0], shape[1], _shape.Attention.Heads, _shape.Attention.HeadDim).transpose(1, 2);
    }
}
