using PeftSharp.Interop;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Weights;

/// <summary>
/// One buffer per thread and type into which weights are dequantised, or from which they are quantised: as large as the largest weight,
/// whatever their number.
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

    /// <summary>
    /// The numbers of a tensor as float32 beside each other on the CPU, [count]: its own where they are that already, else in the buffer.
    /// To be used before the thread asks again; belongs to the caller's dispose scope.
    /// </summary>
    public static Tensor Floats(Tensor values)
    {
        var plain = values.detach();
        if (plain.dtype == ScalarType.Float32 && plain.device.type == DeviceType.CPU && plain.is_contiguous()) return plain.view(-1);
        var flat = Rent(ScalarType.Float32, plain.numel(), CPU).narrow(0, 0, plain.numel());
        flat.view(plain.shape).copy_(plain);
        return flat;
    }

    private static Tensor Grown(ref Tensor? buffer, ScalarType type, long count, Device device)
    {
        if (buffer is not null && buffer.NumberOfElements >= count && buffer.IsOn(device)) return buffer;
        buffer?.Dispose();
        buffer = null; // should the next line fail
        return buffer = empty([count], type, device).DetachFromDisposeScope();
    }
}
