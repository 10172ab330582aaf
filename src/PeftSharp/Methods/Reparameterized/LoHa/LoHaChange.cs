using PeftSharp.Interop;
using PeftSharp.Sites;
using PeftSharp.Weights;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Reparameterized.LoHa;

/// <summary>
/// ΔW = scale · (A₁·B₁) ∘ (A₂·B₂): the product of two matrices of low rank, number by number, has up to the square of their rank
/// (Hyeon-Woo et al. 2022, arXiv 2108.06098). A [out, rank], B [rank, in].
/// </summary>
internal sealed class LoHaChange(
    AdapterTensor a1, AdapterTensor b1, AdapterTensor a2, AdapterTensor b2, double scale, ChangeDropout dropout) : WeightChange
{
    public override Tensor Delta(Tensor x, Tensor wx, WeightStore weight, ForwardContext context) =>
        dropout.Apply(base.Delta(x, wx, weight, context), context);

    protected override Tensor Change(WeightStore weight, ForwardContext context)
    {
        var first = matmul(a1.Get(context).Times(scale), b1.Get(context));
        return first * matmul(a2.Get(context), b2.Get(context));
    }
}
