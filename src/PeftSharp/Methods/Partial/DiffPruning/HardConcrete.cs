using PeftSharp.Interop;
using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Partial.DiffPruning;

/// <summary>
/// Gates between 0 and 1 that are 0 with a probability that can be trained (Louizos et al. 2018, arXiv 1712.01312; as Guo et al. 2021 use
/// them, with a temperature of 1).
/// </summary>
/// <param name="Lower">l, where the stretched range begins; below 0.</param>
/// <param name="Upper">r, where it ends; above 1.</param>
internal sealed record HardConcrete(double Lower, double Upper)
{
    // Draws of 0 and 1 would have no finite logarithm.
    private const double Edge = 1e-6;

    /// <summary>z = clamp(σ(log u − log(1 − u) + α) · (r − l) + l, 0, 1), u drawn between 0 and 1 for each gate.</summary>
    public Tensor Draw(Tensor alpha, ulong seed)
    {
        var u = Initial.Uniform(alpha.shape, 0.5 - Edge, seed).to(alpha.dtype, alpha.device).Plus(0.5);
        var noise = u.log().Plus(u.Complement().log(), -1);
        return Stretched(alpha.Plus(noise).sigmoid());
    }

    /// <summary>The gate without a draw: clamp(σ(α) · (r − l) + l, 0, 1), equation 13 of Louizos et al.</summary>
    public Tensor Value(Tensor alpha) => Stretched(alpha.sigmoid());

    /// <summary>The probability that a gate is not 0: σ(α − log(−l / r)).</summary>
    public Tensor Open(Tensor alpha) => alpha.Plus(-Math.Log(-Lower / Upper)).sigmoid();

    private Tensor Stretched(Tensor s) => s.Times(Upper - Lower).Plus(Lower).AtLeast(0L).AtMost(1L);
}
