using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Interop.Kernels;

/// <summary>
/// scale · (dropout(x)·Aᵀ)·Bᵀ as one node of the graph: forward one pass over x, backward one over x and the gradient.
/// </summary>
/// <remarks>Sums over rows are made in stretches of a fixed length, so that the number of threads does not change a bit.</remarks>
/// <param name="scale">The factor.</param>
/// <param name="dropout">Probability of dropping an input, 0 for none.</param>
/// <param name="seed">Seed of its mask.</param>
internal sealed unsafe class LowRankProduct(double scale, double dropout = 0, ulong seed = 0) : FusedOperation
{
    /// <summary>The highest rank; above it, a general product is as fast.</summary>
    public const int MostRanks = 16;

    private const int Stretch = 128; // rows

    /// <summary>Whether the product is computed here.</summary>
    public static bool Fits(Tensor x, Tensor lowIn, Tensor lowOut) =>
        Fits(x) && Fits(lowIn) && Fits(lowOut) && lowIn.dim() == 2 && lowOut.dim() == 2 && lowIn.shape[0] is > 0 and <= MostRanks;

    /// <summary>The product.</summary>
    /// <param name="x">[…, in].</param>
    /// <param name="lowIn">A, [rank, in].</param>
    /// <param name="lowOut">B, [out, rank].</param>
    /// <returns>[…, out].</returns>
    public Tensor Of(Tensor x, Tensor lowIn, Tensor lowOut) => Apply(x, lowIn, lowOut);

    /// <inheritdoc/>
    private protected override Tensor Forward(IReadOnlyList<Tensor> inputs)
    {
        using var dropped = Dropped(inputs[0]);
        using var x = new RowView(dropped ?? inputs[0]);
        using var lowIn = inputs[1].contiguous();
        using var turned = Turned(inputs[2]);
        var (ranks, width, outputs) = ((int)lowIn.shape[0], x.Width, (int)turned.shape[1]);
        var result = empty([.. inputs[0].shape[..^1], outputs], dtype: ScalarType.Float32);
        if (result.numel() == 0) return result;
        var (from, stride, a, b, to) =
            ((nint)x.First, x.Stride, (nint)TensorPointer.Of(lowIn), (nint)TensorPointer.Of(turned), (nint)TensorPointer.Of(result));
        var factor = (float)scale;
        Ranges.ForEach(x.Count, Stretch / 2, (first, last) =>
        {
            var low = stackalloc float[Stretch * MostRanks];
            for (var row = first; row < last; row += Stretch)
            {
                var count = Math.Min(Stretch, last - row);
                ThinProducts.Dots((float*)from + row * stride, stride, count, width, (float*)a, ranks, factor, low);
                ThinProducts.Spread(low, count, ranks, (float*)b, outputs, (float*)to + row * outputs);
            }
        });
        GC.KeepAlive(result);
        return result;
    }

    /// <inheritdoc/>
    private protected override Tensor?[] Backward(Tensor gradient, IReadOnlyList<Tensor> inputs)
    {
        using var dropped = Dropped(inputs[0]);
        using var x = new RowView(dropped ?? inputs[0]);
        using var given = new RowView(gradient);
        using var lowIn = inputs[1].contiguous();
        using var turned = Turned(inputs[2]);
        var (ranks, width, outputs) = ((int)lowIn.shape[0], x.Width, (int)turned.shape[1]);
        var needsInput = inputs[0].requires_grad;
        var toInput = needsInput ? empty(inputs[0].shape, dtype: ScalarType.Float32).DetachFromDisposeScope() : null;
        var stretches = (int)((x.Count + Stretch - 1) / Stretch);
        var each = ranks * (width + outputs);
        // In libtorch's memory, as the results are: arrays of this size, a few for each layer and step, would keep the collector busy.
        using var sums = zeros([Math.Max(1, stretches), each], ScalarType.Float32);
        var parts = (nint)TensorPointer.Of(sums);
        var (from, stride, g, givenStride) = ((nint)x.First, x.Stride, (nint)given.First, given.Stride);
        var (a, b, to) = ((nint)TensorPointer.Of(lowIn), (nint)TensorPointer.Of(turned),
            toInput is null || x.Count == 0 ? 0 : (nint)TensorPointer.Of(toInput));
        var (rows, factor) = (x.Count, (float)scale);
        Ranges.ForEach(stretches, 1, (first, last) =>
        {
            var low = stackalloc float[Stretch * MostRanks];
            var back = stackalloc float[Stretch * MostRanks];
            for (var i = first; i < last; i++)
            {
                var (row, count) = (i * Stretch, Math.Min(Stretch, rows - i * Stretch));
                var xs = (float*)from + row * stride;
                var gs = (float*)g + row * givenStride;
                ThinProducts.Dots(xs, stride, count, width, (float*)a, ranks, factor, low);
                ThinProducts.Dots(gs, givenStride, count, outputs, (float*)b, ranks, factor, back);
                var own = (float*)parts + (long)i * each;
                ThinProducts.Gather(back, count, ranks, xs, stride, width, own);
                ThinProducts.Gather(low, count, ranks, gs, givenStride, outputs, own + ranks * width);
                if (needsInput) ThinProducts.Spread(back, count, ranks, (float*)a, width, (float*)to + row * width);
            }
        });
        GC.KeepAlive(toInput);
        dropped?.Dispose();
        // The mask of the inputs lies on their gradient as well.
        if (toInput is not null && dropout > 0) DropoutMask.Drop(toInput, dropout, seed);
        var toLowIn = empty([ranks, width], ScalarType.Float32).DetachFromDisposeScope();
        var toLowOut = empty([outputs, ranks], ScalarType.Float32).DetachFromDisposeScope();
        Add((float*)parts, stretches, each);
        new ReadOnlySpan<float>((float*)parts, ranks * width).CopyTo(new((float*)TensorPointer.Of(toLowIn), ranks * width));
        Turn((float*)parts + ranks * width, ranks, outputs, (float*)TensorPointer.Of(toLowOut));
        GC.KeepAlive(sums);
        GC.KeepAlive(toLowIn);
        GC.KeepAlive(toLowOut);
        return [toInput, toLowIn, toLowOut];
    }

    // All parts onto the first, in their order: bits don't depend on the number of threads.
    private static void Add(float* parts, int count, int each)
    {
        for (var i = 1; i < count; i++)
        {
            var part = parts + (long)i * each;
            for (var k = 0; k < each; k++) parts[k] += part[k];
        }
    }

    private static void Turn(float* from, int rows, int columns, float* to)
    {
        for (var row = 0; row < rows; row++)
            for (var column = 0; column < columns; column++) to[(long)column * rows + row] = from[(long)row * columns + column];
    }

    private Tensor? Dropped(Tensor x) => dropout > 0 ? DropoutMask.Dropped(x, dropout, seed) : null;

    private static Tensor Turned(Tensor lowOut)
    {
        using var view = lowOut.t();
        return view.contiguous();
    }
}
