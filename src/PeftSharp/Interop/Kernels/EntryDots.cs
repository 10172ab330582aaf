using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Interop.Kernels;

/// <summary>Single entries of a weight's gradient, without the others.</summary>
/// <remarks>
/// The gradient of W[i, j] in y = x·Wᵀ is Σ over tokens of ∂y[t, i] · x[t, j]. A stretch of tokens is turned, so that the numbers of both
/// factors lie beside each other, and every entry takes one product of two rows. Each is summed in one order, whatever the number of
/// threads.
/// </remarks>
internal static unsafe class EntryDots
{
    /// <summary>The share of a weight's entries from which the product of all of them is faster (measured: docs/partial.md).</summary>
    public const double MostShare = 0.15;

    private const int Stretch = 256; // tokens

    private const int Grain = 256; // entries that are worth a thread

    /// <summary>Σ over tokens of gradient[t, i] · x[t, j] for each entry (i, j); without a graph, in the caller's scope.</summary>
    /// <param name="gradient">[tokens, out], float32 or float64.</param>
    /// <param name="x">[tokens, in], of the same type.</param>
    /// <param name="entries">Row-major positions in [out, in], ascending, int64 [entries].</param>
    /// <param name="mostShare">The share of all entries up to which they are computed one by one.</param>
    /// <returns>[entries].</returns>
    public static Tensor Of(Tensor gradient, Tensor x, Tensor entries, double mostShare = MostShare)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        var weights = gradient.shape[1] * x.shape[1];
        var one = gradient.dtype == x.dtype && gradient.device.type == DeviceType.CPU && entries.numel() <= mostShare * weights;
        var result = gradient.dtype switch
        {
            ScalarType.Float32 when one => Sum<float>(gradient, x, entries),
            ScalarType.Float64 when one => Sum<double>(gradient, x, entries),
            _ => gradient.t().matmul(x).reshape(-1).index_select(0, entries),
        };
        return result.MoveToOuterDisposeScope();
    }

    private static Tensor Sum<T>(Tensor gradient, Tensor x, Tensor entries) where T : unmanaged, INumber<T>
    {
        var sums = zeros(entries.shape, dtype: x.dtype);
        var (count, width, tokens) = (entries.numel(), x.shape[1], x.shape[0]);
        if (count == 0) return sums;
        var (places, to) = ((nint)TensorPointer.Of(entries), (nint)TensorPointer.Of(sums));
        for (var first = 0L; first < tokens; first += Stretch)
        {
            using var stretch = NewDisposeScope();
            var length = Math.Min(Stretch, tokens - first);
            var rows = gradient.narrow(0, first, length).t().contiguous();     // [out, length]
            var columns = x.narrow(0, first, length).t().contiguous();         // [in, length]
            var (g, c) = ((nint)TensorPointer.Of(rows), (nint)TensorPointer.Of(columns));
            Ranges.ForEach(count, Grain, (from, end) =>
                Add((T*)g, (T*)c, (int)length, (long*)places, from, end, width, (T*)to));
            GC.KeepAlive(rows);
            GC.KeepAlive(columns);
        }
        GC.KeepAlive(entries);
        return sums;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Add<T>(T* rows, T* columns, int length, long* entries, long from, long end, long width, T* sums)
        where T : unmanaged, INumber<T>
    {
        var row = entries[from] / width;
        for (var k = from; k < end; k++)
        {
            var column = entries[k] - row * width;
            if (column >= width)
            {
                row = entries[k] / width;
                column = entries[k] - row * width;
            }
            sums[k] += Dot(rows + row * length, columns + column * length, length);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static T Dot<T>(T* a, T* b, int length) where T : unmanaged, INumber<T>
    {
        var (wide, sums, more) = (Vector256<T>.Count, Vector256<T>.Zero, Vector256<T>.Zero);
        var t = 0;
        for (; t <= length - 2 * wide; t += 2 * wide)
        {
            sums += Vector256.Load(a + t) * Vector256.Load(b + t);
            more += Vector256.Load(a + t + wide) * Vector256.Load(b + t + wide);
        }
        var sum = Vector256.Sum(sums + more);
        for (; t < length; t++) sum += a[t] * b[t];
        return sum;
    }
}
