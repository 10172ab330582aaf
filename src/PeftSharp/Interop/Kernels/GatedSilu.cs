using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Interop.Kernels;

/// <summary>silu(gate) ∘ up, in one pass forward and one backward.</summary>
internal sealed unsafe class GatedSilu : FusedOperation
{
    private const long Grain = 1 << 13; // numbers a thread

    private static readonly GatedSilu Only = new();

    /// <summary>Two tensors of one shape → the same.</summary>
    public static Tensor Of(Tensor gate, Tensor up) => Only.Apply(gate, up);

    /// <inheritdoc/>
    private protected override Tensor Forward(IReadOnlyList<Tensor> inputs)
    {
        using var gate = new RowView(inputs[0]);
        using var up = new RowView(inputs[1]);
        var result = empty(inputs[0].shape, dtype: ScalarType.Float32);
        var (gates, gateStride, ups, upStride, to, width) =
            ((nint)gate.First, gate.Stride, (nint)up.First, up.Stride, (nint)TensorPointer.Of(result), gate.Width);
        Ranges.ForEach(gate.Count, Math.Max(1, Grain / Math.Max(1, width)), (first, last) =>
        {
            for (var row = first; row < last; row++)
                Multiply((float*)gates + row * gateStride, (float*)ups + row * upStride, (float*)to + row * width, width);
        });
        GC.KeepAlive(result);
        return result;
    }

    /// <inheritdoc/>
    private protected override Tensor?[] Backward(Tensor gradient, IReadOnlyList<Tensor> inputs)
    {
        using var gate = new RowView(inputs[0]);
        using var up = new RowView(inputs[1]);
        using var given = new RowView(gradient);
        var toGate = empty(inputs[0].shape, dtype: ScalarType.Float32).DetachFromDisposeScope();
        var toUp = empty(inputs[0].shape, dtype: ScalarType.Float32).DetachFromDisposeScope();
        var (gates, gateStride, ups, upStride, width) = ((nint)gate.First, gate.Stride, (nint)up.First, up.Stride, gate.Width);
        var (g, stride, dGate, dUp) = ((nint)given.First, given.Stride, (nint)TensorPointer.Of(toGate), (nint)TensorPointer.Of(toUp));
        Ranges.ForEach(gate.Count, Math.Max(1, Grain / Math.Max(1, width)), (first, last) =>
        {
            for (var row = first; row < last; row++)
                Back(
                    (float*)gates + row * gateStride, (float*)ups + row * upStride, (float*)g + row * stride, (float*)dGate + row * width,
                    (float*)dUp + row * width, width);
        });
        GC.KeepAlive(toGate);
        GC.KeepAlive(toUp);
        return [toGate, toUp];
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Sigmoid(Vector256<float> x) => Vector256<float>.One / (Vector256<float>.One + Vector256.Exp(-x));

    /// <summary>Of so many numbers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Multiply(float* gate, float* up, float* y, int width)
    {
        var i = 0;
        for (; i <= width - 8; i += 8)
        {
            var x = Vector256.Load(gate + i);
            (x * Sigmoid(x) * Vector256.Load(up + i)).Store(y + i);
        }
        for (; i < width; i++) y[i] = gate[i] / (1 + MathF.Exp(-gate[i])) * up[i];
    }

    // d silu(x)/dx = s · (1 + x · (1 − s)), s = sigmoid(x).
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Back(float* gate, float* up, float* g, float* dGate, float* dUp, int width)
    {
        var one = Vector256<float>.One;
        var i = 0;
        for (; i <= width - 8; i += 8)
        {
            Vector256<float> x = Vector256.Load(gate + i), given = Vector256.Load(g + i), s = Sigmoid(x);
            (given * Vector256.Load(up + i) * s * (one + x * (one - s))).Store(dGate + i);
            (given * x * s).Store(dUp + i);
        }
        for (; i < width; i++)
        {
            var s = 1 / (1 + MathF.Exp(-gate[i]));
            dGate[i] = g[i] * up[i] * s * (1 + gate[i] * (1 - s));
            dUp[i] = g[i] * gate[i] * s;
        }
    }
}
