using PeftSharp.Interop;
using PeftSharp.Sites;
using PeftSharp.Weights;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Reparameterized.DyLora;

/// <summary>
/// ΔW = alpha / b · B[:, :b] · A[:b] (Valipour et al. 2023, arXiv 2210.07558): A [b, in] and B [out, b] as their slots yield them, cut to
/// the rank in use.
/// </summary>
internal sealed class DyLoraDelta(AdapterTensor a, AdapterTensor b, double alpha, double dropout)
    : IProjectionDelta, IMergeableProjection, ILowRankMap
{
    public (Tensor Left, Tensor Right, double Scale)? Factors(ForwardContext context)
    {
        var right = a.Get(context);
        return (b.Get(context), right, alpha / right.shape[0]);
    }

    public bool AddsProductAlone => true;

    public Tensor Delta(Tensor x, Tensor wx, WeightStore weight, ForwardContext context)
    {
        var (left, right, scale) = Factors(context)!.Value;
        return LowRank.Product(x, right, left, scale, dropout, a.Name, context);      // [rows, tokens, out]
    }

    public Tensor MergedWeight(Tensor weight, ForwardContext context)
    {
        var (left, right, scale) = Factors(context)!.Value;
        return weight.Plus(matmul(left, right).Times(scale));
    }
}
