using PeftSharp.Interop;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Weights;

/// <summary>
/// One buffer per thread and type into which weights are dequantised: as large as the largest weight, whatever their number.
/// </summary>
internal static class Scratch
{
    [ThreadStatic] private static Tensor? _float32;
    [ThreadStatic] private static Tensor? _bfloat16;

    /// <summary>
    /// A flat tensor of at least <paramref name="count"/> elements, to be used before the thread asks again, never kept or disposed.
    /// </summary>
    public static Tensor Rent(ScalarType type, long count, Device device) =>
        Grown(ref type == ScalarType.Float32 ? ref _float32 : ref _bfloat16, type, count, device);

    private static Tensor Grown(ref Tensor? buffer, ScalarType type, long count, Device device)
    {
        if (buffer is not null && buffer.NumberOfElements >= count && buffer.IsOn(device)) return buffer;
        buffer?.Dispose();
        buffer = null; // should the next line fail
        return buffer = empty([count], type, device).DetachFromDisposeScope();
    }
}
