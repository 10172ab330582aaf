using PeftSharp.Interop;
using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Reparameterized.AdaLora;

/// <summary>
/// ΔW = alpha / divisor · B · diag(E) · A, in the form of a singular value decomposition (Zhang et al. 2023, arXiv 2303.10512):
/// A [rank, in], B [out, rank], E [rank, 1], divisor [1].
/// </summary>
internal sealed class AdaLoraDelta(AdapterTensor a, AdapterTensor b, AdapterTensor e, AdapterTensor divisor, double alpha, double dropout)
    : LowRankChange(dropout, a.Name)
{
    // peft adds it to the rank that it divides by.
    private const double Offset = 1e-5;

    protected override (Tensor Left, Tensor Right, double Scale) Factors(ForwardContext context)
    {
        var scaled = a.Get(context) * (e.Get(context) / divisor.Get(context).Plus(Offset)).Times(alpha);
        return (b.Get(context), scaled, 1);
    }
}
