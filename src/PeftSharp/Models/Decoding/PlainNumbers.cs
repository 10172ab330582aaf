using PeftSharp.Interop;
using PeftSharp.Interop.Kernels;
using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Models.Decoding;

/// <summary>Where the numbers of a tensor lie, if they lie as a pass in plain code reads them.</summary>
internal static unsafe class PlainNumbers
{
    /// <summary>The first of so many float32 numbers beside each other in the CPU's memory; null where they are others.</summary>
    public static float* Of(Tensor tensor, long count) =>
        FusedOperation.Fits(tensor) && count > 0 && tensor.NumberOfElements == count && tensor.is_contiguous()
            ? (float*)TensorPointer.OfFirst(tensor) : null;

    /// <summary>The scale of a norm that divides by the root of the mean of squares; null for other norms.</summary>
    public static float* Of(Norm norm, long width, ForwardContext context)
    {
        if (norm.Kind == NormKind.Layer || norm.Bias is not null) return null;
        var scale = norm.Weight.Get(context);
        return scale.dim() == 1 ? Of(scale, width) : null;
    }
}
