using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Additive.Lst;

/// <summary>An attention of the side network, with a norm before it.</summary>
/// <param name="norm">The norm's scale, [side].</param>
/// <param name="query">[heads · headDim, side].</param>
/// <param name="key">[heads · headDim, side].</param>
/// <param name="value">[heads · headDim, side].</param>
/// <param name="output">[side, heads · headDim].</param>
/// <param name="shape">Its heads.</param>
internal sealed class SideAttention(
    AdapterTensor norm, AdapterTensor query, AdapterTensor key, AdapterTensor value, AdapterTensor output, AttentionShape shape)
{
    /// <summary>What the attention adds to its input.</summary>
    /// <param name="x">[rows, tokens, side].</param>
    /// <param name="source">What keys and values are made of, [rows, keys, side]; null for the input itself.</param>
    /// <param name="mask">Which keys are seen.</param>
    /// <param name="context">The call.</param>
    public Tensor Forward(Tensor x, Tensor? source, KeyMask mask, ForwardContext context)
    {
        var read = SideNorm.Apply(x, norm, context);
        var keys = source ?? read;
        var joined = Attention.Compute(
            Heads(read, query, context), Heads(keys, key, context), Heads(keys, value, context), shape, mask, 0, norm.Path, context);
        var (rows, tokens) = (x.shape[0], x.shape[1]);
        return nn.functional.linear(
            joined.transpose(1, 2).reshape(rows, tokens, shape.Heads * shape.HeadDim), output.Get(context));
    }

    // [rows, tokens, side] → [rows, heads, tokens, headDim]
    private Tensor Heads(Tensor x, AdapterTensor weight, ForwardContext context) =>
        nn.functional.linear(x, weight.Get(context)).view(x.shape[0], x.shape[1], shape.Heads, shape.HeadDim).transpose(1, 2);
}
