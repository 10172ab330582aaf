using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Hybrid.Fusion;

/// <summary>A linear map of a fusion; no weight stands for the identity.</summary>
internal sealed record FusionMap(AdapterTensor Weight, AdapterTensor? Bias)
{
    /// <summary>[…, hidden] → the same.</summary>
    public static Tensor Apply(FusionMap? map, Tensor x, ForwardContext context) =>
        map is null ? x : nn.functional.linear(x, map.Weight.Get(context), map.Bias?.Get(context));
}
