using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Additive.Ia3;

/// <summary>Scales what a linear map reads: x ← l ⊙ x.</summary>
/// <param name="factor">l, [1, in].</param>
internal sealed class Ia3Input(AdapterTensor factor) : IProjectionInput, IMergeableProjection
{
    private Tensor Factor(ForwardContext context) => factor.Get(context).view(-1);

    public Tensor Input(Tensor x, ForwardContext context) => x * Factor(context);

    public Tensor MergedWeight(Tensor weight, ForwardContext context) => weight * Factor(context);
}
