using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Additive.Prefix;

/// <summary>Linear, activation, linear.</summary>
internal sealed record PrefixNetwork(
    AdapterTensor First, AdapterTensor FirstBias, AdapterTensor Second, AdapterTensor SecondBias, string Activation)
{
    public Tensor Forward(Tensor x, ForwardContext context)
    {
        var inner = Sites.Activation.Apply(Activation, nn.functional.linear(x, First.Get(context), FirstBias.Get(context)));
        return nn.functional.linear(inner, Second.Get(context), SecondBias.Get(context));
    }
}
