using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Interop.Kernels;

/// <summary>
/// x / √(mean(x²) + ε) · (weight + shift) over the last dimension (Zhang and Sennrich 2019, arXiv 1910.07467), in one pass.
/// </summary>
/// <param name="epsilon">Added to the mean of squares.</param>
/// <param name="shift">0, or 1 for norms whose scale is kept as its distance from 1.</param>
internal sealed unsafe class RootMeanSquareNorm(double epsilon, float shift) : FusedOperation
{
    private const long Grain = 1 << 14; // numbers a thread

    /// <summary>x [.., width] and weight [width] → the shape of x.</summary>
    public Tensor Of(Tensor x, Tensor weight) => Apply(x, weight);

    /// <inheritdoc/>
    private protected override Tensor Forward(IReadOnlyList<Tensor> inputs)
    {
        using var x = new RowView(inputs[0]);
        using var weight = new RowView(inputs[1]);
        var result = empty(inputs[0].shape, dtype: ScalarType.Float32);
        var (from, stride, width, scale, to) = ((nint)x.First, x.Stride, x.Width, (nint)weight.First, (nint)TensorPointer.Of(result));
        Ranges.ForEach(x.Count, Math.Max(1, Grain / Math.Max(1, width)), (first, last) =>
        {
            for (var row = first; row < last; row++)
                Normalise((float*)from + row * stride, (float*)scale, (float*)to + row * width, width);
        });
        GC.KeepAlive(result);
        return result;
    }

    /// <inheritdoc/>
    private protected override Tensor?[] Backward(Tensor gradient, IReadOnlyList<Tensor> inputs) =>
    [
        inputs[0].requires_grad ? ToInput(gradient, inputs[0], inputs[1]) : null,
        inputs[1].requires_grad ? ToWeight(gradient, inputs[0]) : null,
    ];

    private Tensor ToInput(Tensor gradient, Tensor input, Tensor scales)
    {
        using var x = new RowView(input);
        using var g = new RowView(gradient);
        using var weight = new RowView(scales);
        var result = empty(input.shape, dtype: ScalarType.Float32).DetachFromDisposeScope();
        var (from, stride, width, scale, to) = ((nint)x.First, x.Stride, x.Width, (nint)weight.First, (nint)TensorPointer.Of(result));
        var (given, givenStride) = ((nint)g.First, g.Stride);
        Ranges.ForEach(x.Count, Math.Max(1, Grain / Math.Max(1, width)), (first, last) =>
        {
            for (var row = first; row < last; row++)
                Back((float*)from + row * stride, (float*)given + row * givenStride, (float*)scale, (float*)to + row * width, width);
        });
        GC.KeepAlive(result);
        return result;
    }

    private Tensor ToWeight(Tensor gradient, Tensor x)
    {
        using var scope = NewDisposeScope();
        var normal = x * x.Squared().mean([-1], keepdim: true).Plus(epsilon).rsqrt();
        var products = gradient * normal;
        return products.reshape(-1, products.shape[^1]).sum([0]).DetachFromDisposeScope();
    }

    private float Inverse(float* x, int width)
    {
        var (even, odd) = (Vector256<float>.Zero, Vector256<float>.Zero);
        var i = 0;
        for (; i <= width - 16; i += 16)
        {
            Vector256<float> low = Vector256.Load(x + i), high = Vector256.Load(x + i + 8);
            even = Vector256.FusedMultiplyAdd(low, low, even);
            odd = Vector256.FusedMultiplyAdd(high, high, odd);
        }
        double sum = Vector256.Sum(even + odd);
        for (; i < width; i++) sum += x[i] * x[i];
        return (float)(1 / Math.Sqrt(sum / width + epsilon));
    }

    /// <summary>One row; y may be x itself.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Normalise(float* x, float* weight, float* y, int width)
    {
        var inverse = Inverse(x, width);
        var (inverses, shifts) = (Vector256.Create(inverse), Vector256.Create(shift));
        var i = 0;
        for (; i <= width - 8; i += 8)
            (Vector256.Load(x + i) * inverses * (Vector256.Load(weight + i) + shifts)).Store(y + i);
        for (; i < width; i++) y[i] = x[i] * inverse * (weight[i] + shift);
    }

    // dx = r · (g ∘ w − x · r² · mean(g ∘ w ∘ x)), r the inverse of the root.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Back(float* x, float* g, float* weight, float* dx, int width)
    {
        var inverse = Inverse(x, width);
        var shifts = Vector256.Create(shift);
        var sums = Vector256<float>.Zero;
        var i = 0;
        for (; i <= width - 8; i += 8)
        {
            var scaled = Vector256.Load(g + i) * (Vector256.Load(weight + i) + shifts);
            scaled.Store(dx + i);
            sums = Vector256.FusedMultiplyAdd(scaled, Vector256.Load(x + i), sums);
        }
        double sum = Vector256.Sum(sums);
        for (; i < width; i++)
        {
            dx[i] = g[i] * (weight[i] + shift);
            sum += dx[i] * x[i];
        }
        var along = (float)(sum / width * inverse * inverse);
        var (inverses, alongs) = (Vector256.Create(inverse), Vector256.Create(along));
        for (i = 0; i <= width - 8; i += 8)
            ((Vector256.Load(dx + i) - Vector256.Load(x + i) * alongs) * inverses).Store(dx + i);
        for (; i < width; i++) dx[i] = (dx[i] - x[i] * along) * inverse;
    }
}
