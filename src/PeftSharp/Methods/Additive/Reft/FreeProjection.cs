using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Additive.Reft;

/// <summary>R trained as it is.</summary>
internal sealed class FreeProjection(AdapterTensor weight) : IReftProjection
{
    public Tensor Rows(ForwardContext context) => weight.Get(context);
}
