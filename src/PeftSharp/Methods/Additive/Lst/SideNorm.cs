using PeftSharp.Interop;
using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Additive.Lst;

/// <summary>The side network's norm: by the root of the mean of squares, as in T5, for which the paper defines the network.</summary>
internal static class SideNorm
{
    private const double Epsilon = 1e-6;

    /// <summary>x / √(mean(x²) + ε) ⊙ scale, [rows, tokens, side].</summary>
    public static Tensor Apply(Tensor x, AdapterTensor scale, ForwardContext context) =>
        x * x.Squared().mean([-1], keepdim: true).Plus(Epsilon).rsqrt() * scale.Get(context);
}
