using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Additive.Bottleneck;

/// <summary>No bias.</summary>
internal sealed class NoBias(long size, ScalarType type, Device device) : ITensorSource
{
    public string Name => "";

    public Tensor Get(ForwardContext context) => zeros(size, type, device);
}
