using PeftSharp.Interop;
using PeftSharp.Interop.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Sites;

/// <summary>Scaled dot-product attention, query heads sharing key heads where there are fewer of these.</summary>
internal static class Attention
{
    /// <summary>Added to the score of a key that may not be seen; two of them together are still finite.</summary>
    public const double Masked = float.MinValue / 4;

    private const int Short = 128;

    /// <summary>softmax(scale · q·kᵀ + mask)·v.</summary>
    /// <param name="query">[rows, heads, queries, headDim].</param>
    /// <param name="key">[rows, keyHeads, keys, headDim].</param>
    /// <param name="value">[rows, keyHeads, keys, headDim].</param>
    /// <param name="shape">Heads and scale.</param>
    /// <param name="mask">Which keys are seen.</param>
    /// <param name="dropout">Probability of dropping an attention weight in training.</param>
    /// <param name="site">The attention's name, from which its draws derive.</param>
    /// <param name="context">The call.</param>
    /// <returns>[rows, heads, queries, headDim].</returns>
    public static Tensor Compute(
        Tensor query, Tensor key, Tensor value, AttentionShape shape, KeyMask mask, double dropout, string site, ForwardContext context)
    {
        var (rows, queries, keys) = (query.shape[0], query.shape[2], key.shape[2]);
        if (queries > 1 && Fuses(shape, keys, dropout, context))
        {
            var causal = mask.Causal && mask.IsPlain && queries == keys;
            var added = causal ? null : mask.Scores(rows, queries, keys, query.dtype, context);
            return nn.functional.scaled_dot_product_attention(query, Shared(key, shape), Shared(value, shape), added, 0.0, causal);
        }
        if (queries == 1 && context.Cache is not null && !is_grad_enabled() && shape.SoftCap is null && FusedOperation.Fits(query)
            && mask.Scores(rows, queries, keys, query.dtype, context) is null)
            return QueryAttention.Of(query, key, value, shape.Scale);
        // [rows, keyHeads, group · queries, keys]
        var scores = Grouped(query.Times(shape.Scale), shape, queries).matmul(key.transpose(-1, -2));
        scores = scores.view(rows, shape.Heads, queries, keys);
        if (shape.SoftCap is { } cap) scores = scores.Times(1 / cap).tanh().Times(cap);
        if (mask.Scores(rows, queries, keys, query.dtype, context) is { } hidden) scores = scores.Plus(hidden);
        var weights = Dropout.Base(scores.softmax(-1), dropout, site, context);
        return Grouped(weights, shape, queries).matmul(value).view(rows, shape.Heads, queries, shape.HeadDim);
    }

    // libtorch's fused kernel pays off for long sequences alone: at these lengths plain products are faster (measured in bench/).
    private static bool Fuses(AttentionShape shape, long keys, double dropout, ForwardContext context) =>
        keys > Short && shape.SoftCap is null && shape.Scale == 1 / Math.Sqrt(shape.HeadDim)
            && (!context.Training || dropout == 0 || !context.BaseDropout);

    // The query heads of one key head beside each other: [rows, heads, queries, n] → [rows, keyHeads, group · queries, n].
    private static Tensor Grouped(Tensor x, AttentionShape shape, long queries) =>
        shape.Group == 1 ? x : x.reshape(x.shape[0], shape.KeyHeads, shape.Group * queries, x.shape[3]);

    private static Tensor Shared(Tensor x, AttentionShape shape) => shape.Group == 1 ? x : x.repeat_interleave(shape.Group, 1);
}
