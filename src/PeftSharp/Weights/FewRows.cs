using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using PeftSharp.Interop;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Weights;

/// <summary>
/// x·Wᵀ for a handful of rows, such as the one token that a decoder writes next: a weight is unpacked piece by piece in the nearest cache
/// and multiplied there, so that memory is read once, in its blocks.
/// </summary>
internal static unsafe class FewRows
{
    /// <summary>Up to so many rows; for more, a matrix product over the unpacked weight is faster.</summary>
    public const long Most = 4;

    // Weights unpacked at a time: a multiple of every block, small enough for the nearest cache.
    private const int Piece = 1024;

    // Weights per thread, at least.
    private const long Grain = 1 << 15;

    /// <summary>Whether a product is computed here.</summary>
    public static bool Fits(IReadOnlyList<PackedStore> stores, Tensor x) =>
        x.dtype == ScalarType.Float32 && x.device.type == DeviceType.CPU && x.NumberOfElements <= Most * stores[0].InFeatures
        && stores.All(store => store is GgufStore { ComputeType: ScalarType.Float32 });

    /// <summary>[…, in] → […, sum of the widths], without a graph, in the caller's dispose scope.</summary>
    public static Tensor Multiply(IReadOnlyList<PackedStore> stores, Tensor x)
    {
        var (width, columns) = (stores.Sum(store => store.OutFeatures), stores[0].InFeatures);
        var rows = x.NumberOfElements / columns;
        var input = x.detach().contiguous();
        var output = empty([.. x.shape[..^1], width], ScalarType.Float32);
        if (rows == 0) return output;
        var (from, to) = ((nint)TensorPointer.Of(input), (nint)TensorPointer.Of(output));
        var start = 0L;
        foreach (var store in stores.Cast<GgufStore>())
        {
            var first = start;
            Ranges.ForEach(store.OutFeatures, Math.Max(1, Grain / columns), (low, high) =>
            {
                for (var row = low; row < high; row++) Row(store, row, (float*)from, rows, (float*)to + first + row, width);
            });
            start += store.OutFeatures;
        }
        GC.KeepAlive(input);
        GC.KeepAlive(output);
        GC.KeepAlive(stores);
        return output;
    }

    // One row of the weight with every row of the input.
    private static void Row(GgufStore store, long row, float* from, long rows, float* to, long stride)
    {
        var columns = store.InFeatures;
        var piece = stackalloc float[Piece];
        var sums = stackalloc float[(int)Most];
        for (var i = 0; i < rows; i++) sums[i] = 0;
        for (var at = 0L; at < columns; at += Piece)
        {
            var count = (int)Math.Min(Piece, columns - at);
            store.DecodeRow(row, at, count, piece);
            for (var i = 0; i < rows; i++) sums[i] += Dot(piece, from + i * columns + at, count);
        }
        for (var i = 0; i < rows; i++) to[i * stride] = sums[i];
    }

    // A count that is a multiple of 32.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Dot(float* a, float* b, int count)
    {
        var (first, second, third, fourth) = (Vector256<float>.Zero, Vector256<float>.Zero, Vector256<float>.Zero, Vector256<float>.Zero);
        for (var i = 0; i < count; i += 32)
        {
            first = Vector256.FusedMultiplyAdd(Vector256.Load(a + i), Vector256.Load(b + i), first);
            second = Vector256.FusedMultiplyAdd(Vector256.Load(a + i + 8), Vector256.Load(b + i + 8), second);
            third = Vector256.FusedMultiplyAdd(Vector256.Load(a + i + 16), Vector256.Load(b + i + 16), third);
            fourth = Vector256.FusedMultiplyAdd(Vector256.Load(a + i + 24), Vector256.Load(b + i + 24), fourth);
        }
        return Vector256.Sum(first + second + (third + fourth));
    }
}
