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
    /// Stretches of a tensor's first dimension that <see cref="Floats"/> takes one after the other, so that the buffer stays small; one
    /// where nothing is copied.
    /// </summary>
    /// <param name="values">The tensor.</param>
    /// <param name="width">Numbers of each entry of the first dimension.</param>
    public static IEnumerable<(long Start, long Count)> Pieces(Tensor values, long width)
    {
        var all = values.shape[0];
        var each = IsPlain(values) ? all : Math.Max(1, Piece / width);
        for (var start = 0L; start < all; start += each) yield return (start, Math.Min(each, all - start));
    }

    // A multiple of every block of quantised weights.
    private const long Piece = 1 << 22;

    private static bool IsPlain(Tensor values) =>
        values.dtype == ScalarType.Float32 && values.device.type == DeviceType.CPU && values.is_contiguous();

    /// <summary>
    /// The numbers of a tensor as float32 beside each other on the CPU, [count]: its own where they are that already, else in the buffer.
    /// To be used before the thread asks again; belongs to the caller's dispose scope.
    /// </summary>
    public static Tensor Floats(Tensor values)
    {
        var plain = values.detach();
        if (IsPlain(plain)) return plain.view(-1);
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
