using PeftSharp.Data;
using PeftSharp.Runs.Autotuning;

namespace PeftSharp.Tests.Runs.Autotuning;

/// <summary>Fronts, their order, and the expected growth of the area that they cover.</summary>
public sealed class ParetoFrontTests
{
    private static readonly (double Gain, double Cost)[] Points = [(0.5, 1), (0.7, 3), (0.6, 2), (0.6, 4), (0.7, 3), (0.4, 1), (0.9, 9)];

    [Fact]
    public void A_Front_Is_What_Nothing_Beats_In_Both() => Assert.Equal([0, 2, 1, 6], ParetoFront.Of(Points));

    [Fact]
    public void Ranks_Go_Front_By_Front_And_Keep_The_Ends()
    {
        var ranked = ParetoFront.Ranked(Points);
        Assert.Equal(Points.Length, ranked.Distinct().Count());
        // 0, 1, 2, 4 and 6 are beaten by nothing; of them the cheapest and the best stay before those between.
        Assert.Equal([0, 6], ranked.Take(2).Order());
        Assert.Equal([3, 5], ranked.Skip(5).Order());
    }

    [Theory]
    [InlineData(1.5, 0.55, 0.1)]
    [InlineData(2.5, 0.62, 0.05)]
    [InlineData(0.5, 0.3, 0.2)]
    [InlineData(20, 0.9, 0.2)]
    [InlineData(9, 0.95, 0)]
    public void The_Expected_Growth_Is_The_Mean_Growth_Of_Draws(double cost, double mean, double deviation)
    {
        (double Gain, double Cost)[] front = [.. ParetoFront.Of(Points).Select(i => Points[i])];
        const double worstGain = 0.35, worstCost = 10;
        var (random, sum, draws) = (new SeededRandom(3), 0.0, 200_000);
        var before = Area(front, worstGain, worstCost);
        for (var i = 0; i < draws; i++)
        {
            // Box and Muller.
            var normal = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
            sum += Area([.. front, (mean + deviation * normal, cost)], worstGain, worstCost) - before;
        }
        var expected = ParetoFront.ExpectedImprovement(front, worstGain, worstCost, cost, mean, deviation);
        Assert.Equal(sum / draws, expected, 2e-2 * Math.Max(0.05, sum / draws));
    }

    [Theory]
    [InlineData(0, 0.5)]
    [InlineData(1.959963984540054, 0.975)]
    [InlineData(-1.6448536269514722, 0.05)]
    [InlineData(-6, 9.865876450376946e-10)]
    public void Probabilities_Are_Those_Of_The_Tables(double x, double expected) =>
        Assert.Equal(expected, NormalDistribution.Below(x), 1e-14);

    // By slices of cost, so fine that the error does not matter.
    private static double Area((double Gain, double Cost)[] points, double worstGain, double worstCost)
    {
        var costs = points.Select(p => p.Cost).Where(c => c < worstCost).Append(worstCost).Distinct().Order().ToArray();
        return costs.Zip(costs.Skip(1)).Sum(
            slice => (slice.Second - slice.First)
                * Math.Max(0, points.Where(p => p.Cost <= slice.First).Max(p => p.Gain) - worstGain));
    }
}
