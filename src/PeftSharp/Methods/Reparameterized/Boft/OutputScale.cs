using PeftSharp.Interop;
using PeftSharp.Sites;
using PeftSharp.Weights;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Reparameterized.Boft;

/// <summary>A factor for each output of a linear map, its bias left alone: ΔW = (s − 1) ⊙ W.</summary>
/// <param name="factors">s, [out, 1].</param>
internal sealed class OutputScale(AdapterTensor factors) : IProjectionDelta, IMergeableProjection
{
    public bool ReadsProduct => true;

    public Tensor Delta(Tensor x, Tensor wx, WeightStore weight, ForwardContext context) => wx * factors.Get(context).view(-1).Plus(-1L);

    public Tensor MergedWeight(Tensor weight, ForwardContext context) => weight * factors.Get(context);
}
