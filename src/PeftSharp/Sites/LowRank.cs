using PeftSharp.Interop;
using PeftSharp.Interop.Kernels;
using static TorchSharp.torch;

namespace PeftSharp.Sites;

/// <summary>Updates of a low rank.</summary>
internal static class LowRank
{
    /// <summary>scale · (dropout(x)·Aᵀ)·Bᵀ.</summary>
    /// <param name="x">[…, in].</param>
    /// <param name="lowIn">A, [rank, in].</param>
    /// <param name="lowOut">B, [out, rank].</param>
    /// <param name="scale">The factor.</param>
    /// <param name="dropout">Probability of dropping an input in training.</param>
    /// <param name="site">The name from which its draws derive.</param>
    /// <param name="context">The call.</param>
    /// <param name="freezesIn">
    /// True if A is never trained (LoRA-FA): the backward pass then needs nothing of the input, which the kernel would keep.
    /// </param>
    /// <returns>[…, out].</returns>
    public static Tensor Product(
        Tensor x, Tensor lowIn, Tensor lowOut, double scale, double dropout, string site, ForwardContext context, bool freezesIn = false)
    {
        if (LowRankProduct.Fits(x, lowIn, lowOut) && !freezesIn)
        {
            var product = context.Training && dropout > 0
                ? new LowRankProduct(scale, dropout, SeedSequence.Derive(context.Seed, site))
                : new LowRankProduct(scale);
            return product.Of(x, lowIn, lowOut);
        }
        var low = Dropout.Linear(x, lowIn, dropout, site, context);              // […, rank]
        return nn.functional.linear(low.Times(scale), lowOut);
    }
}
