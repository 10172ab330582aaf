using PeftSharp.Interop;
using PeftSharp.Sites;
using PeftSharp.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Reparameterized.Lora;

/// <summary>
/// Magnitude and direction trained apart (DoRA, Liu et al. 2024, arXiv 2402.09353): W' = m · (W + s·B·A) / ‖W + s·B·A‖,
/// norms per output row, no gradient through the norm.
/// </summary>
/// <remarks>
/// The norm needs no dense copy of a quantised weight: ‖W + sBA‖² = ‖W‖² + 2s·rowsum((W·Aᵀ)∘B) + s²·rowsum((B·A·Aᵀ)∘B).
/// </remarks>
internal sealed class DoraDelta(AdaptedMap map, AdapterTensor magnitude, double dropout, WeightStore baseWeight, Tensor squaredNorm)
    : IProjectionDelta, IMergeableProjection
{
    public bool ReadsProduct => true;

    public Tensor Delta(Tensor x, Tensor wx, WeightStore weight, ForwardContext context)
    {
        var (lowIn, lowOut) = (map.A.Get(context), map.B.Get(context));
        var ratio = magnitude.Get(context) / RowNorm(weight, lowIn, lowOut);     // [out]
        var dropped = Dropout.Apply(x, dropout, map.A.Name, context);
        if (!ReferenceEquals(dropped, x)) wx = weight.Linear(dropped);
        var delta = nn.functional.linear(nn.functional.linear(dropped, lowIn).Times(map.Scale), lowOut);
        return (ratio.Plus(-1L) * wx).Plus(ratio * delta);
    }

    public Tensor MergedWeight(Tensor weight, ForwardContext context)
    {
        var sum = weight.Plus(matmul(map.B.Get(context), map.A.Get(context)), map.Scale);
        return sum * (magnitude.Get(context) / sum.norm(1)).unsqueeze(1);
    }

    private Tensor RowNorm(WeightStore weight, Tensor lowIn, Tensor lowOut)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        var squared = ReferenceEquals(weight, baseWeight) ? squaredNorm : SquaredNorm(weight);
        var cross = (weight.Linear(lowIn).t() * lowOut).sum(1);                  // (W·Aᵀ)∘B
        var own = (matmul(lowOut, matmul(lowIn, lowIn.t())) * lowOut).sum(1);
        return squared.Plus(cross.Times(2 * map.Scale)).Plus(own.Times(map.Scale * map.Scale)).AtLeast(0L).sqrt().MoveToOuterDisposeScope();
    }

    /// <summary>‖W‖² of each output row, [out].</summary>
    public static Tensor SquaredNorm(WeightStore weight) => weight.Dense().Squared().sum(1);
}
