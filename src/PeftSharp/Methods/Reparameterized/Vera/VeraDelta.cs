using PeftSharp.Interop;
using PeftSharp.Sites;
using PeftSharp.Weights;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Reparameterized.Vera;

/// <summary>
/// ΔW = diag(b) · B · diag(d) · A (Kopiczko et al. 2024, arXiv 2310.11454). A [rank, widest in] and B [widest out, rank] are shared and
/// frozen, and a narrower map takes their first columns and rows; b [out] and d [rank] are its own.
/// </summary>
internal sealed class VeraDelta(
    AdapterTensor a, AdapterTensor b, AdapterTensor scaleB, AdapterTensor scaleD, long inFeatures, long outFeatures, double dropout)
    : IProjectionDelta, IMergeableProjection, ILowRankMap
{
    public (Tensor Left, Tensor Right, double Scale)? Factors(ForwardContext context) =>
        (B(context) * scaleB.Get(context).unsqueeze(1), A(context) * scaleD.Get(context).unsqueeze(1), 1);

    public Tensor Delta(Tensor x, Tensor wx, WeightStore weight, ForwardContext context)
    {
        var low = Dropout.Linear(x, A(context), dropout, scaleD.Name, context) * scaleD.Get(context); // [rows, tokens, rank]
        return nn.functional.linear(low, B(context)) * scaleB.Get(context);                            // [rows, tokens, out]
    }

    public Tensor MergedWeight(Tensor weight, ForwardContext context)
    {
        var (left, right, _) = Factors(context)!.Value;
        return weight.Plus(matmul(left, right));
    }

    private Tensor A(ForwardContext context) => a.Get(context).narrow(1, 0, inFeatures);

    private Tensor B(ForwardContext context) => b.Get(context).narrow(0, 0, outFeatures);
}
