using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace PeftSharp.Interop;

/// <summary>The address of a contiguous CPU tensor's memory. The tensor must be kept alive while it is used.</summary>
internal static unsafe class TensorPointer
{
    public static byte* Of(Tensor tensor)
    {
        // A span of the whole would be refused above 2 GiB.
        using var flat = tensor.view(-1);
        using var first = flat.narrow(0, 0, 1);
        return (byte*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(first.bytes));
    }
}
