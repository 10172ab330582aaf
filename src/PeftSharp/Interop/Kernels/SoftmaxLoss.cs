using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using static TorchSharp.torch;

namespace PeftSharp.Interop.Kernels;

/// <summary>Cross-entropy of rows of logits, which its gradient replaces in place.</summary>
internal static unsafe class SoftmaxLoss
{
    /// <summary>The sum of log Σ exp(l) − l[target] over the rows.</summary>
    /// <param name="logits">[rows, classes], contiguous float32 on the CPU, without a graph.</param>
    /// <param name="targets">A class for each row.</param>
    /// <param name="shares">True puts softmax(l), less 1 at the target, in place of the logits.</param>
    public static double Sum(Tensor logits, ReadOnlySpan<long> targets, bool shares)
    {
        var (from, classes, wanted) = ((nint)TensorPointer.Of(logits), logits.shape[1], targets.ToArray());
        var losses = new double[wanted.Length];
        Ranges.ForEach(wanted.Length, 1, (first, last) =>
        {
            for (var row = first; row < last; row++)
                losses[row] = Row((float*)from + row * classes, classes, wanted[row], shares);
        });
        GC.KeepAlive(logits);
        var sum = 0.0;
        foreach (var loss in losses) sum += loss;
        return sum;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static double Row(float* x, long count, long target, bool shares)
    {
        var greatest = Greatest(x, count);
        var mean = greatest + Math.Log(SumOfExponents(x, count, greatest));
        var loss = mean - x[target];
        if (!shares) return loss;
        var normaliser = (float)mean;
        var normalisers = Vector256.Create(normaliser);
        var i = 0L;
        for (; i <= count - 8; i += 8) Vector256.Exp(Vector256.Load(x + i) - normalisers).Store(x + i);
        for (; i < count; i++) x[i] = MathF.Exp(x[i] - normaliser);
        x[target] -= 1;
        return loss;
    }

    // NaN where one is among them.
    private static float Greatest(float* x, long count)
    {
        var greatest = Vector256.Create(float.NegativeInfinity);
        var i = 0L;
        for (; i <= count - 8; i += 8) greatest = Vector256.Max(greatest, Vector256.Load(x + i));
        var result = float.NegativeInfinity;
        for (var lane = 0; lane < 8; lane++) result = MathF.Max(result, greatest[lane]);
        for (; i < count; i++) result = MathF.Max(result, x[i]);
        return result;
    }

    // Summed in float over short stretches, and those in double.
    private static double SumOfExponents(float* x, long count, float greatest)
    {
        const long Stretch = 1 << 10;
        var most = Vector256.Create(greatest);
        var (total, i) = (0.0, 0L);
        while (i <= count - 8)
        {
            var end = Math.Min(i + Stretch, count - 7);
            var sums = Vector256<float>.Zero;
            for (; i < end; i += 8) sums += Vector256.Exp(Vector256.Load(x + i) - most);
            total += Vector256.Sum(sums);
        }
        for (; i < count; i++) total += MathF.Exp(x[i] - greatest);
        return total;
    }
}
