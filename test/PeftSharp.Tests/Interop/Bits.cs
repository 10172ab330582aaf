using static TorchSharp.torch;

namespace PeftSharp.Tests.Interop;

/// <summary>Equality of tensors to the last bit.</summary>
internal static class Bits
{
    public static bool Same(Tensor a, Tensor b) =>
        a.shape.SequenceEqual(b.shape) && a.dtype == b.dtype && a.contiguous().bytes.SequenceEqual(b.contiguous().bytes);
}
