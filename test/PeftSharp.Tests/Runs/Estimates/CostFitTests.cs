using PeftSharp.Runs.Estimates;

namespace PeftSharp.Tests.Runs.Estimates;

public sealed class CostFitTests
{
    [Fact]
    public void An_Exact_Law_Is_Found()
    {
        var fit = CostFit.Of(
            [
                .. new[] { (1, 100.0), (1, 400.0), (2, 900.0), (3, 1500.0) }.Select(
                    b => Batch(b.Item1, b.Item2, 0.02 * b.Item1 + 0.001 * b.Item2)),
            ]);
        Assert.Equal(0.02, fit.PerPass, 9);
        Assert.Equal(0.001, fit.PerWork, 9);
        var range = fit.Range(10, 5000);
        Assert.Equal(5.2, range.Expected, 6);
        // However alike the probe's batches were, a run of hours varies.
        Assert.Equal(
            (0.9 * 5.2, 1.1 * 5.2), (range.Low, range.High),
            EqualityComparer<(double, double)>.Create((a, b) => Math.Abs(a.Item1 - b.Item1) + Math.Abs(a.Item2 - b.Item2) < 1e-6));
    }

    [Theory]
    [InlineData(0.3, 0.3, 0.3)] // one size: no two unknowns
    [InlineData(0.1, 0.9, 2.5)] // the intercept would be negative
    [InlineData(0.9, 0.5, 0.1)] // the slope would be
    public void Nothing_Negative_Comes_Out(double first, double second, double third)
    {
        var same = first == second;
        var fit = CostFit.Of([Batch(1, 100, first), Batch(1, same ? 100 : 200, second), Batch(1, same ? 100 : 300, third)]);
        Assert.True(fit is { PerPass: >= 0, PerWork: >= 0 } && fit.Seconds(1, 200) > 0, fit.ToString());
        Assert.InRange(fit.Quick, 0, 0.9);
        Assert.InRange(fit.Slow, 1.1, 10);
    }

    private static ProbedBatch Batch(int passes, double work, double seconds) => new(1, 1, passes, work, seconds);
}
