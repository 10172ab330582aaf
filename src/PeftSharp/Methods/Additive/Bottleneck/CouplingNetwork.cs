using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Additive.Bottleneck;

/// <summary>A small network of two maps.</summary>
internal sealed record CouplingNetwork(
    AdapterTensor First, AdapterTensor FirstBias, AdapterTensor Second, AdapterTensor SecondBias, string NonLinearity,
    AdapterTensor? Slope)
{
    public Tensor Forward(Tensor x, ForwardContext context)
    {
        var low = nn.functional.linear(x, First.Get(context), FirstBias.Get(context));
        var inner = Slope is null ? Activation.Apply(NonLinearity, low) : LearnedSlope.Apply(low, Slope.Get(context));
        return nn.functional.linear(inner, Second.Get(context), SecondBias.Get(context));
    }
}
