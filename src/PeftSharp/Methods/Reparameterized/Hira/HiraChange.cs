using PeftSharp.Sites;
using PeftSharp.Weights;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Reparameterized.Hira;

/// <summary>
/// ΔW = W ∘ (B·A): a product of low rank multiplies the weight number by number, so that the change is of high rank (Huang et al. 2025).
/// </summary>
/// <param name="a">A, [rank, in].</param>
/// <param name="b">B, [out, rank].</param>
/// <param name="dropout">Dropout of the change's input.</param>
internal sealed class HiraChange(AdapterTensor a, AdapterTensor b, double dropout) : WeightChange
{
    public override Tensor Delta(Tensor x, Tensor wx, WeightStore weight, ForwardContext context) =>
        base.Delta(Dropout.Apply(x, dropout, a.Name, context), wx, weight, context);

    protected override Tensor Change(WeightStore weight, ForwardContext context)
    {
        var product = matmul(b.Get(context), a.Get(context));
        return weight.Dense().to(product.dtype) * product;
    }
}
