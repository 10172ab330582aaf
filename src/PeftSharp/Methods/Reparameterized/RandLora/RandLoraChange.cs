using PeftSharp.Interop;
using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Reparameterized.RandLora;

/// <summary>
/// ΔW = scale · Σⱼ Bⱼ·diag(λⱼ)·A·diag(γⱼ): random bases A and B that all maps share, frozen, and trained factors of their own; of full rank
/// (Albert et al. 2025, arXiv 2502.00987). The factors stand at the narrower side of a map; where that is the output, the sum is turned
/// over.
/// </summary>
/// <param name="a">A [rank, 1, widest narrow side].</param>
/// <param name="b">B [widest wide side, most bases, rank].</param>
/// <param name="lambda">λ [rank, bases].</param>
/// <param name="gamma">γ [bases, narrow side].</param>
/// <param name="site">The map.</param>
/// <param name="scale">The scale.</param>
/// <param name="dropout">Dropout of the input.</param>
internal sealed class RandLoraChange(
    AdapterTensor a, AdapterTensor b, AdapterTensor lambda, AdapterTensor gamma, ProjectionSite site, double scale, double dropout)
    : LowRankChange(dropout, lambda.Name)
{
    private readonly bool _isWide = site.InFeatures > site.OutFeatures;
    private readonly long _narrow = Math.Min(site.InFeatures, site.OutFeatures), _wide = Math.Max(site.InFeatures, site.OutFeatures);

    protected override (Tensor Left, Tensor Right, double Scale) Factors(ForwardContext context)
    {
        var (weights, columns) = (lambda.Get(context), gamma.Get(context));
        var narrow = a.Get(context).narrow(2, 0, _narrow);
        // As in peft the columns of one factor run over (base, rank) and the rows of the other over (rank, base).
        var scaled = (weights.unsqueeze(2) * narrow * columns.unsqueeze(0)).flatten(0, 1);          // [rank · bases, narrow]
        var wide = b.Get(context).narrow(0, 0, _wide).narrow(1, 0, columns.shape[0]).flatten(1);    // [wide, bases · rank]
        return _isWide ? (scaled.t(), wide.t(), scale) : (wide, scaled, scale);
    }
}
