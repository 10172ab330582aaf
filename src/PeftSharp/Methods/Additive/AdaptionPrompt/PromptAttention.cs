using PeftSharp.Interop;
using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Additive.AdaptionPrompt;

/// <summary>A second attention, to trained vectors: g · softmax(scale · q·kᵀ)·v.</summary>
/// <param name="prompt">The vectors, [1, length, hidden].</param>
/// <param name="gate">g, [1].</param>
/// <param name="key">Makes their keys.</param>
/// <param name="value">Makes their values.</param>
internal sealed class PromptAttention(AdapterTensor prompt, AdapterTensor gate, PromptMap key, PromptMap value) : IAttentionAddition
{
    public Tensor Addition(AttentionState state, ForwardContext context)
    {
        var shape = state.Site.Shape;
        var vectors = prompt.Get(context);
        var keys = Heads(key.Apply(vectors, context), shape);                                        // [1, heads, length, headDim]
        var values = Heads(value.Apply(vectors, context), shape);
        var scores = matmul(state.Query.Times(shape.Scale), keys.transpose(-1, -2)).softmax(-1);     // [rows, heads, queries, length]
        var joined = matmul(scores * gate.Get(context), values).transpose(1, 2);                     // [rows, queries, heads, headDim]
        return joined.reshape(joined.shape[0], joined.shape[1], shape.Heads * shape.HeadDim);
    }

    // Query heads share key heads in groups of neighbours.
    private static Tensor Heads(Tensor x, AttentionShape shape)
    {
        var heads = x.view(1, -1, shape.KeyHeads, shape.HeadDim).transpose(1, 2);
        return shape.Group == 1 ? heads : heads.repeat_interleave(shape.Group, 1);
    }
}

/// <summary>The same result added behind the map that joins the heads: worked out at the attention, which has the queries, and added at the map.</summary>
internal sealed class LateAddition(PromptAttention attention) : IAttentionAddition, IProjectionOutput
{
    public Tensor Addition(AttentionState state, ForwardContext context)
    {
        var kept = context.Once(this, () => attention.Addition(state, context));
        return zeros(1, kept.dtype, kept.device).expand(kept.shape);
    }

    public Tensor Output(Tensor y, ForwardContext context) =>
        y.Plus(context.Once(this, () => throw new InvalidOperationException("The output map was computed before its attention.")));
}
