using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Additive.PTuning;

/// <summary>W·x + b.</summary>
internal sealed record LinearMap(AdapterTensor Weight, AdapterTensor Bias)
{
    public Tensor Forward(Tensor x, ForwardContext context) => nn.functional.linear(x, Weight.Get(context), Bias.Get(context));
}
