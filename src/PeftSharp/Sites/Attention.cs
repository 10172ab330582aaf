using PeftSharp.Interop;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Sites;

/// <summary>Scaled dot-product attention.</summary>
internal static class Attention
{
    /// <summary>Added to the score of a key that may not be seen.</summary>
    public const double Masked = float.MinValue / 2;

    private const int Short = 128;

    /// <summary>softmax(q·kᵀ/√d + mask)·v; shapes as in <see cref="AttentionSite.Attend"/>, result [rows, heads, queries, headDim].</summary>
    public static Tensor Compute(Tensor query, Tensor key, Tensor value, Tensor? mask, double dropout, string site, ForwardContext context)
    {
        // libtorch's fused kernel pays off for long sequences alone: at these lengths plain products are faster (measured in bench/).
        if (key.shape[2] > Short && (!context.Training || dropout == 0 || !context.BaseDropout))
            return nn.functional.scaled_dot_product_attention(query, key, value, mask);
        var scores = matmul(query.Times(1 / Math.Sqrt(query.shape[3])), key.transpose(-1, -2));
        if (mask is not null) scores = scores.Plus(mask);
        return matmul(Dropout.Base(scores.softmax(-1), dropout, site, context), value);
    }
}
