using PeftSharp.Analysis.Combining;
using PeftSharp.Interop;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Analysis.Combining;

/// <summary>Pruning, dropping and electing signs, against loops over numbers.</summary>
public sealed class TaskVectorTests
{
    private static readonly double[][] Changes =
    [
        [0.9, -0.1, 0.4, -0.6, 0.05, 0.0, 0.3, -0.8],
        [-0.2, -0.7, 0.5, 0.65, 0.0, 0.1, -0.9, -0.45],
        [0.6, 0.35, -0.55, 0.15, -0.25, 0.75, -0.05, 0.2],
    ];

    private static readonly double[] Weights = [1, 0.5, -2];

    public TaskVectorTests() => LibTorch.EnsureLoaded();

    [Theory]
    [InlineData(0.5)]
    [InlineData(0.25)]
    [InlineData(1)]
    public void Pruning_Keeps_The_Largest(double density)
    {
        var kept = Changes.Select(change => Pruned(change, density)).ToArray();
        var expected = Enumerable.Range(0, 8).Select(i => kept.Select((change, k) => Weights[k] * change[i]).Sum());
        Check(expected, new() { How = CombineMethod.MagnitudePrune, Density = density });
    }

    [Theory]
    [InlineData(SignElection.Total, 0.5)]
    [InlineData(SignElection.Frequency, 0.5)]
    [InlineData(SignElection.Total, 1)]
    [InlineData(SignElection.Frequency, 1)]
    public void Ties_Takes_The_Mean_Of_Those_That_Agree_With_The_Elected_Sign(SignElection sign, double density)
    {
        // A negative weight turns a change, and its vote with it.
        var weighted = Changes.Select((change, k) => Pruned(change, density).Select(value => Weights[k] * value).ToArray()).ToArray();
        var expected = Enumerable.Range(0, 8).Select(i =>
        {
            var votes = weighted.Select(change => sign == SignElection.Total ? change[i] : Math.Sign(change[i])).Sum();
            var agreeing = weighted.Select(change => change[i]).Where(value => value != 0 && Math.Sign(value) == Math.Sign(votes)).ToList();
            return agreeing.Count == 0 ? 0 : agreeing.Average();
        });
        Check(expected, new() { How = CombineMethod.Ties, Density = density, Sign = sign });
    }

    [Fact]
    public void Dare_Drops_By_Its_Seed_And_Enlarges_The_Rest()
    {
        using var scope = NewDisposeScope();
        var change = ones(100, 100, dtype: ScalarType.Float64);
        Tensor Of(ulong seed, double density) =>
            TaskVectors.Combine([(change, 2)], new() { How = CombineMethod.DareLinear, Density = density }, [seed]);
        var dropped = Of(5, 0.25);
        Assert.Equal([0.0, 8.0], dropped.data<double>().ToArray().Distinct().Order());
        Assert.InRange(dropped.mean().item<double>(), 1.8, 2.2);
        Assert.True(dropped.equal(Of(5, 0.25)).all().item<bool>());
        Assert.False(dropped.equal(Of(6, 0.25)).all().item<bool>());
        Assert.True(Of(5, 1).equal(change * 2).all().item<bool>());
        var ties = TaskVectors.Combine([(change, 1), (change, 3)], new() { How = CombineMethod.DareTies, Density = 0.5 }, [5, 6]);
        Assert.Equal([0.0, 2.0, 4.0, 6.0], ties.data<double>().ToArray().Distinct().Order());
    }

    private static double[] Pruned(double[] change, double density)
    {
        var kept = (int)Math.Max(1, Math.Round(density * change.Length));
        var least = change.Select(Math.Abs).OrderDescending().ElementAt(kept - 1);
        return [.. change.Select(value => Math.Abs(value) >= least ? value : 0)];
    }

    private static void Check(IEnumerable<double> expected, CombineOptions options)
    {
        using var scope = NewDisposeScope();
        var found = TaskVectors.Combine([.. Changes.Select((change, k) => (tensor(change).view(2, 4), Weights[k]))], options, [1, 2, 3]);
        Assert.Equal(expected, found.data<double>().ToArray(), (a, b) => Math.Abs(a - b) < 1e-12);
    }
}
