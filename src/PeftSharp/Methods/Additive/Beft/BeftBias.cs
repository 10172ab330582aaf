using PeftSharp.Interop;
using PeftSharp.Sites;
using PeftSharp.Weights;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Additive.Beft;

/// <summary>The new bias, [1, out].</summary>
internal sealed class BeftBias(AdapterTensor bias) : IProjectionDelta, IMergeableProjection
{
    public Tensor Delta(Tensor x, Tensor wx, WeightStore weight, ForwardContext context) => bias.Get(context).expand(wx.shape);

    public Tensor MergedWeight(Tensor weight, ForwardContext context) => weight;

    public Tensor? MergedBias(Tensor? own, ForwardContext context) => own is null
        ? throw new PeftException(
            $"BEFT cannot be merged: {bias.Path} has no bias that it could be written into; serve it as an adapter instead.")
        : own.Plus(bias.Get(context).view(-1));
}
