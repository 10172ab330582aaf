using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using PeftSharp.Interop;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Weights;

/// <summary>
/// Weights in eight bits with one scale a row, the largest magnitude in it: code = round(127 · w / scale), w = code · scale / 127 (the
/// weights of LLM.int8, Dettmers et al. 2022, arXiv 2208.07339).
/// </summary>
internal static unsafe class Int8Codec
{
    // Weights per thread: some fifteen microseconds' work.
    private const long Grain = 1 << 15;

    // As bitsandbytes, code times scale comes first and this last, each product rounded: values are the same to the bit.
    private const float Step = 1f / 127;

    // A scale below this would make 127 / scale infinite.
    private const float Smallest = 1e-36f;

    /// <summary>Quantises a weight's numbers, float32 in the order of its rows, into codes [rows, columns] and scales [rows].</summary>
    public static void Encode(Tensor weights, Tensor codes, Tensor scales)
    {
        var (rows, columns) = (codes.shape[0], codes.shape[1]);
        float* from = (float*)TensorPointer.Of(weights), largest = (float*)TensorPointer.Of(scales);
        var to = (sbyte*)TensorPointer.Of(codes);
        Ranges.ForEach(rows, Math.Max(1, Grain / columns), (first, last) =>
        {
            for (var row = first; row < last; row++)
                EncodeRow(from + row * columns, columns, to + row * columns, out largest[row]);
        });
        GC.KeepAlive(weights);
        GC.KeepAlive(codes);
        GC.KeepAlive(scales);
    }

    private static void EncodeRow(float* weights, long count, sbyte* codes, out float scale)
    {
        scale = Magnitude.Largest(weights, count);
        var factor = 127f / Math.Max(scale, Smallest);
        // Of two whole numbers equally near, the even one.
        for (var i = 0L; i < count; i++) codes[i] = (sbyte)MathF.Round(weights[i] * factor);
    }

    /// <summary>Writes weights into a contiguous tensor of float32 or bfloat16 (rounded to nearest even).</summary>
    public static void Decode(Tensor codes, Tensor scales, long rows, long columns, Tensor to)
    {
        var from = (sbyte*)TensorPointer.Of(codes);
        var scale = (float*)TensorPointer.Of(scales);
        var target = TensorPointer.Of(to);
        var isFloat = to.dtype == ScalarType.Float32;
        Ranges.ForEach(rows, Math.Max(1, Grain / columns), (first, last) =>
        {
            for (var row = first; row < last; row++)
            {
                var start = row * columns;
                if (isFloat) ToFloat(from + start, scale[row], columns, (float*)target + start);
                else ToBFloat16(from + start, scale[row], columns, (ushort*)target + start);
            }
        });
        GC.KeepAlive(codes);
        GC.KeepAlive(scales);
        GC.KeepAlive(to);
    }

    private static void ToFloat(sbyte* codes, float scale, long count, float* to)
    {
        var i = 0L;
        for (; i <= count - 16; i += 16)
        {
            var (low, high) = Sixteen(codes + i, scale);
            low.Store(to + i);
            high.Store(to + i + 8);
        }
        for (; i < count; i++) to[i] = codes[i] * scale * Step;
    }

    private static void ToBFloat16(sbyte* codes, float scale, long count, ushort* to)
    {
        var i = 0L;
        for (; i <= count - 16; i += 16)
        {
            var (low, high) = Sixteen(codes + i, scale);
            Vector256.Narrow(BFloat16Rounding.Of(low), BFloat16Rounding.Of(high)).Store(to + i);
        }
        for (; i < count; i++) to[i] = BFloat16Rounding.Of(codes[i] * scale * Step);
    }

    // Sixteen weights, eight in each half.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector256<float> Low, Vector256<float> High) Sixteen(sbyte* codes, float scale)
    {
        var (low, high) = Vector256.Widen(Vector256.WidenLower(Vector128.Load(codes).ToVector256Unsafe()));
        return (Vector256.ConvertToSingle(low) * scale * Step, Vector256.ConvertToSingle(high) * scale * Step);
    }
}
