using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Additive.Ia3;

/// <summary>Scales what a linear map yields, bias included: y ← l ⊙ y.</summary>
/// <param name="factor">l, [out, 1].</param>
internal sealed class Ia3Output(AdapterTensor factor) : IProjectionOutput, IMergeableProjection
{
    private Tensor Factor(ForwardContext context) => factor.Get(context).view(-1);

    public Tensor Output(Tensor y, ForwardContext context) => y * Factor(context);

    public Tensor MergedWeight(Tensor weight, ForwardContext context) => weight * Factor(context).unsqueeze(-1);

    public Tensor? MergedBias(Tensor? bias, ForwardContext context) => bias is null ? null : bias * Factor(context);
}
