using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace PeftSharp.Interop;

/// <summary>The address of a CPU tensor's memory. The tensor must be kept alive while it is used.</summary>
internal static unsafe class TensorPointer
{
    /// <summary>Of a contiguous tensor.</summary>
    public static byte* Of(Tensor tensor)
    {
        if (Dispatcher.TryPointer(tensor, out var address)) return address;
        // A span of the whole would be refused above 2 GiB.
        using var flat = tensor.view(-1);
        using var first = flat.narrow(0, 0, 1);
        return (byte*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(first.bytes));
    }

    /// <summary>Of the first element of a tensor of any strides, which has at least one.</summary>
    public static byte* OfFirst(Tensor tensor)
    {
        if (Dispatcher.TryPointer(tensor, out var address)) return address;
        using var first = tensor.as_strided([1], [1], tensor.storage_offset());
        return Of(first);
    }
}
