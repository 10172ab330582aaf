using PeftSharp.Interop;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Weights;

/// <summary>
/// x·Wᵀ for a handful of rows, such as the one token that a decoder writes next: each weight is read once, as it is stored, on all of
/// libtorch's threads. A matrix product would first unpack it, or put it in another order.
/// </summary>
internal static unsafe class FewRows
{
    /// <summary>Up to so many rows; for more, a matrix product is faster.</summary>
    public const long Most = 4;

    // Weights per thread, at least.
    private const long Grain = 1 << 15;

    /// <summary>
    /// x·Wᵀ of several weights of one input beside each other, without a graph, in the caller's dispose scope; null where a matrix
    /// product is to be used. The two differ in rounding, so only what decodes asks: other calls are compared with training, bit for bit.
    /// </summary>
    public static Tensor? Try(ReadOnlySpan<WeightStore> stores, Tensor x)
    {
        if (is_grad_enabled() || !Fits(x, stores[0].InFeatures)) return null;
        var products = new IRowProduct[stores.Length];
        for (var i = 0; i < products.Length; i++)
        {
            if (stores[i] is not IRowProduct { HasRows: true } product) return null;
            products[i] = product;
        }
        return Multiply(products, x);
    }

    /// <summary>Whether an input of that many columns is a handful of rows.</summary>
    public static bool Fits(Tensor x, long columns) =>
        x.dtype == ScalarType.Float32 && x.device.type == DeviceType.CPU && x.NumberOfElements <= Most * columns && columns % 32 == 0;

    // […, in] → […, sum of the widths].
    private static Tensor Multiply(IRowProduct[] rows, Tensor x)
    {
        var (width, columns) = (0L, rows[0].InFeatures);
        foreach (var weight in rows) width += weight.OutFeatures;
        var count = (int)(x.NumberOfElements / columns);
        using var copy = x.is_contiguous() ? null : x.contiguous();
        var input = copy ?? x;
        var output = empty([.. x.shape[..^1], width], ScalarType.Float32);
        if (count == 0) return output;
        var (from, to) = ((nint)TensorPointer.Of(input), (nint)TensorPointer.Of(output));
        // In one go, for threads take a while to wake up.
        Ranges.ForEach(width, Math.Max(1, Grain / columns), (low, high) =>
        {
            var start = 0L;
            foreach (var weight in rows)
            {
                var (first, last) = (Math.Max(low, start), Math.Min(high, start + weight.OutFeatures));
                if (first < last) weight.Multiply(first - start, last - first, (float*)from, count, (float*)to + first, width);
                start += weight.OutFeatures;
            }
        });
        GC.KeepAlive(input);
        GC.KeepAlive(output);
        GC.KeepAlive(rows);
        return output;
    }
}
