using PeftSharp.Interop;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Sites;

/// <summary>Dropout whose draws depend only on the step's seed and the site's name.</summary>
internal static class Dropout
{
    /// <summary>Dropout that belongs to the frozen base; off where the call says so.</summary>
    public static Tensor Base(Tensor x, double p, string site, ForwardContext context) =>
        context.BaseDropout ? Apply(x, p, site, context) : x;

    /// <summary>Dropout that belongs to an adapter or a head.</summary>
    public static Tensor Apply(Tensor x, double p, string site, ForwardContext context) =>
        context.Training && p > 0 ? DropoutMask.Apply(x, p, SeedSequence.Derive(context.Seed, site)) : x;

    /// <summary>linear(dropout(x), W) of an adapter's trained W, with as little kept for the backward pass as can be.</summary>
    public static Tensor Linear(Tensor x, Tensor weight, double p, string site, ForwardContext context) =>
        context.Training && p > 0 && is_grad_enabled() && weight.dim() == 2 && x.device.type == DeviceType.CPU
            && x.dtype == ScalarType.Float32 && weight.dtype == ScalarType.Float32
            ? DroppedLinear.Apply(x, weight, p, SeedSequence.Derive(context.Seed, site))
            : nn.functional.linear(Apply(x, p, site, context), weight);
}
