using PeftSharp.Interop;
using PeftSharp.Sites;
using PeftSharp.Weights;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Reparameterized;

/// <summary>A change of a weight that is computed whole: y gains ΔW·x, and merging adds ΔW to the weight.</summary>
internal abstract class WeightChange : IProjectionDelta, IMergeableProjection
{
    public virtual Tensor Delta(Tensor x, Tensor wx, WeightStore weight, ForwardContext context) =>
        nn.functional.linear(x, Change(weight, context));

    public Tensor MergedWeight(Tensor weight, ForwardContext context) => weight.Plus(Change(new DenseStore(weight), context));

    /// <summary>ΔW, [out, in].</summary>
    /// <param name="weight">The weight in use, for a change that depends on it.</param>
    /// <param name="context">The call.</param>
    protected abstract Tensor Change(WeightStore weight, ForwardContext context);
}
