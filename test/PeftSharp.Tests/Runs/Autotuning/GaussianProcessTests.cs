using PeftSharp.Data;
using PeftSharp.Runs.Autotuning;

namespace PeftSharp.Tests.Runs.Autotuning;

/// <summary>What a Gaussian process says between, at and far from its points.</summary>
public sealed class GaussianProcessTests
{
    private static double Function(double[] x) => Math.Sin(3 * x[0]) + 0.5 * x[1] + (x[2] + x[3]) / 4;

    private static readonly double[][] Points =
        [.. Enumerable.Range(0, 30).Select(i => new SeededRandom(5, (ulong)i))
            .Select(r => (double[])[r.NextDouble(), r.NextDouble(), r.Next(2), r.Next(2)])];

    [Fact]
    public void It_Passes_Near_Its_Points_And_Tells_What_Lies_Between()
    {
        var process = GaussianProcess.Fit(Points, [.. Points.Select(Function)], layers: 2);
        foreach (var point in Points) Assert.Equal(Function(point), process.At(point).Mean, 0.1);
        var errors = Enumerable.Range(100, 40).Select(i => new SeededRandom(5, (ulong)i))
            .Select(r => (double[])[r.NextDouble(), r.NextDouble(), r.Next(2), r.Next(2)])
            .Select(p => Math.Abs(process.At(p).Mean - Function(p)))
            .ToList();
        Assert.True(errors.Average() < 0.1, $"The mean error is {errors.Average()}.");
    }

    [Fact]
    public void It_Is_Less_Sure_Far_From_Its_Points()
    {
        var process = GaussianProcess.Fit([[0.1, 0], [0.2, 0], [0.3, 0]], [1, 2, 3], layers: 1);
        Assert.True(process.At([0.2, 0]).Deviation < process.At([0.9, 0]).Deviation);
        Assert.True(process.At([0.2, 0]).Deviation < process.At([0.2, 1]).Deviation);
    }

    [Fact]
    public void One_Value_Everywhere_Is_Expected_Everywhere()
    {
        var process = GaussianProcess.Fit([[0.1], [0.9]], [0.5, 0.5], layers: 0);
        var (mean, deviation) = process.At([0.4]);
        Assert.Equal(0.5, mean, 1e-9);
        Assert.True(double.IsFinite(deviation));
    }
}
