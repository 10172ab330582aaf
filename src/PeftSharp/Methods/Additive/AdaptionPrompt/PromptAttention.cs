using PeftSharp.Interop;
using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Additive.AdaptionPrompt;

/// <summary>
/// A second attention, to trained vectors: g · softmax(scale · q·kᵀ)·v, added to the first before the map that joins the heads.
/// </summary>
/// <param name="prompt">The vectors, [1, length, hidden].</param>
/// <param name="gate">g, [1].</param>
/// <param name="key">Makes their keys.</param>
/// <param name="value">Makes their values.</param>
internal sealed class PromptAttention(AdapterTensor prompt, AdapterTensor gate, PromptMap key, PromptMap value) : IAttentionAddition
{
    public Tensor Addition(AttentionState state, ForwardContext context) => Attend(state.Query, state.Site.Shape, context);

    /// <summary>query: [rows, heads, queries, headDim] → [rows, queries, heads · headDim].</summary>
    public Tensor Attend(Tensor query, AttentionShape shape, ForwardContext context)
    {
        var vectors = prompt.Get(context);
        // The vectors have no padding.
        var call = context.ForVectors();
        var keys = Shared(key.Heads(vectors, shape.KeyHeads, call), shape);                          // [1, heads, length, headDim]
        var values = Shared(value.Heads(vectors, shape.KeyHeads, call), shape);
        var scores = matmul(query.Times(shape.Scale), keys.transpose(-1, -2)).softmax(-1);           // [rows, heads, queries, length]
        var joined = matmul(scores * gate.Get(context), values).transpose(1, 2);                     // [rows, queries, heads, headDim]
        return joined.reshape(joined.shape[0], joined.shape[1], shape.Heads * shape.HeadDim);
    }

    // Query heads share key heads in groups of neighbours.
    private static Tensor Shared(Tensor x, AttentionShape shape) => shape.Group == 1 ? x : x.repeat_interleave(shape.Group, 1);
}
