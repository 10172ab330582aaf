using static TorchSharp.torch;

namespace PeftSharp.Interop;

/// <summary>Applies custom autograd functions.</summary>
internal static class CustomNode
{
    /// <summary>
    /// The result of <paramref name="apply"/>, in the caller's scope, without the empty tensor of its size that TorchSharp makes beside
    /// it: that one stands in for gradients that did not come, which a function of one result is never asked for.
    /// </summary>
    public static Tensor Apply(Func<Tensor> apply)
    {
        using var scope = NewDisposeScope();
        return apply().MoveToOuterDisposeScope();
    }
}
