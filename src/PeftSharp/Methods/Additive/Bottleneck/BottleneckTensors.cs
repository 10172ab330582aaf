using PeftSharp.Sites;

namespace PeftSharp.Methods.Additive.Bottleneck;

/// <summary>The tensors of one bottleneck.</summary>
internal sealed record BottleneckTensors(
    ITensorSource Down, ITensorSource DownBias, ITensorSource Up, ITensorSource UpBias,
    AdapterTensor? Scaling, Gate? Gate, Norm? Before, Norm? After)
{
    /// <summary>The slope of the activation, [1], where that is trained; else null.</summary>
    public AdapterTensor? Slope { get; init; }
}
