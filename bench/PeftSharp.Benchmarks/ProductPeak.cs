using System.Diagnostics;
using PeftSharp.Interop;
using static TorchSharp.torch;

namespace PeftSharp.Benchmarks;

/// <summary>The highest speed of matrix products that this processor was seen to reach, by whichever library reaches it.</summary>
internal static class ProductPeak
{
    /// <summary>GFLOP/s of x·Wᵀ, the best of many within five seconds.</summary>
    public static double Of(long rows, long width, long outputs, ScalarType type)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var (x, weight) = (randn(rows, width).to(type), randn(outputs, width).to(type));
        var turned = weight.t().contiguous().t();
        var others = type == ScalarType.Float32 && OneDnn.Available;
        var best = double.MaxValue;
        var begun = Stopwatch.StartNew();
        for (var i = 0; i < 400 && begun.Elapsed.TotalSeconds < 5; i++)
        {
            best = Math.Min(best, Seconds(() => nn.functional.linear(x, weight)));
            if (others) best = Math.Min(best, Seconds(() => OneDnn.Linear(x, turned)));
        }
        return 2.0 * rows * width * outputs / best / 1e9;
    }

    private static double Seconds(Func<Tensor> product)
    {
        var start = Stopwatch.GetTimestamp();
        product().Dispose();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }
}
