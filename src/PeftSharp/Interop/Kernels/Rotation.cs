using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Interop.Kernels;

/// <summary>
/// Rotary positions: number i of a head's first numbers and number i + half are turned by an angle of their token; the rest stays.
/// </summary>
/// <remarks>Backward turns the other way. Angles need no gradient.</remarks>
internal sealed unsafe class Rotation : FusedOperation
{
    private const long Grain = 1 << 13; // numbers a thread

    private static readonly Rotation Only = new();

    /// <summary>Turns x.</summary>
    /// <param name="x">[rows, heads, tokens, headDim].</param>
    /// <param name="cos">[rows or 1, 1, tokens, numbers that are turned], contiguous.</param>
    /// <param name="sin">The same of the sines.</param>
    public static Tensor Of(Tensor x, Tensor cos, Tensor sin) => Only.Apply(x, cos, sin);

    /// <inheritdoc/>
    private protected override bool Reads(int input) => input > 0;

    /// <inheritdoc/>
    private protected override Tensor Forward(IReadOnlyList<Tensor> inputs) =>
        Turn(inputs[0], inputs[1], inputs[2], empty(inputs[0].shape, dtype: ScalarType.Float32), 1);

    /// <inheritdoc/>
    private protected override Tensor?[] Backward(Tensor gradient, IReadOnlyList<Tensor> inputs)
    {
        // Laid out as the maps gave it, tokens before heads: what follows joins the heads without a copy.
        var shape = gradient.shape;
        using var memory = empty([shape[0], shape[2], shape[1], shape[3]], dtype: ScalarType.Float32);
        return [Turn(gradient, inputs[1], inputs[2], memory.transpose(1, 2).DetachFromDisposeScope(), -1), null, null];
    }

    private static Tensor Turn(Tensor x, Tensor cos, Tensor sin, Tensor result, float sign)
    {
        using var copy = x.stride(3) == 1 || x.shape[3] == 1 ? null : x.contiguous();
        var source = copy ?? x;
        var (rows, heads, tokens, width) = ((int)x.shape[0], (int)x.shape[1], (int)x.shape[2], (int)x.shape[3]);
        if (x.numel() == 0) return result;
        var (turned, angleRow) = ((int)cos.shape[3], cos.shape[0] == 1 ? 0 : cos.shape[2] * cos.shape[3]);
        var (from, to) = ((nint)TensorPointer.OfFirst(source), (nint)TensorPointer.OfFirst(result));
        var (cosines, sines) = ((nint)TensorPointer.Of(cos), (nint)TensorPointer.Of(sin));
        long[] read = source.stride(), write = result.stride();
        Ranges.ForEach((long)rows * tokens, Math.Max(1, Grain / (heads * width)), (first, last) =>
        {
            for (var i = first; i < last; i++)
            {
                var (row, token) = (i / tokens, i % tokens);
                var angle = row * angleRow + token * turned;
                for (var head = 0; head < heads; head++)
                    Turn(
                        (float*)from + row * read[0] + head * read[1] + token * read[2],
                        (float*)to + row * write[0] + head * write[1] + token * write[2],
                        (float*)cosines + angle, (float*)sines + angle, turned / 2, width, sign);
            }
        });
        GC.KeepAlive(source);
        GC.KeepAlive(result);
        GC.KeepAlive(cos);
        GC.KeepAlive(sin);
        return result;
    }

    /// <summary>Turns one head of one token.</summary>
    /// <param name="x">[width].</param>
    /// <param name="y">[width], which may be x itself.</param>
    /// <param name="cos">[half].</param>
    /// <param name="sin">[half].</param>
    /// <param name="half">Pairs that are turned.</param>
    /// <param name="width">Numbers of a head.</param>
    /// <param name="sign">1, or -1 to turn back.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Turn(float* x, float* y, float* cos, float* sin, int half, int width, float sign)
    {
        var signs = Vector256.Create(sign);
        var i = 0;
        for (; i <= half - 8; i += 8)
        {
            Vector256<float> low = Vector256.Load(x + i), high = Vector256.Load(x + half + i);
            Vector256<float> c = Vector256.Load(cos + i), s = Vector256.Load(sin + i) * signs;
            (low * c - high * s).Store(y + i);
            (high * c + low * s).Store(y + half + i);
        }
        for (; i < half; i++)
        {
            var (low, high) = (x[i], x[half + i]);
            y[i] = low * cos[i] - high * (sin[i] * sign);
            y[half + i] = high * cos[i] + low * (sin[i] * sign);
        }
        for (i = 2 * half; i < width; i++) y[i] = x[i];
    }
}
