using PeftSharp.Interop;
using PeftSharp.Sites;
using PeftSharp.Weights;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Reparameterized;

/// <summary>A change of a weight by a product of two factors: ΔW = scale · Left · Right. ΔW itself is made for merging alone.</summary>
/// <param name="dropout">Dropout of the change's input.</param>
/// <param name="name">Seeds that dropout.</param>
internal abstract class LowRankChange(double dropout, string name) : IProjectionDelta, IMergeableProjection, ILowRankMap
{
    (Tensor Left, Tensor Right, double Scale)? ILowRankMap.Factors(ForwardContext context) => Factors(context);

    public virtual Tensor Delta(Tensor x, Tensor wx, WeightStore weight, ForwardContext context)
    {
        var (left, right, scale) = Factors(context);
        return LowRank.Product(x, right, left, scale, dropout, name, context);              // [rows, tokens, out]
    }

    public Tensor MergedWeight(Tensor weight, ForwardContext context)
    {
        var (left, right, scale) = Factors(context);
        return weight.Plus(matmul(left, right), scale);
    }

    /// <summary>Left [out, rank], right [rank, in], and what scales their product.</summary>
    protected abstract (Tensor Left, Tensor Right, double Scale) Factors(ForwardContext context);
}
