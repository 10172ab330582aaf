using PeftSharp.Analysis;
using PeftSharp.Interop;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Analysis;

/// <summary>Singular values of changes: the cheap ways give what the dense decomposition gives.</summary>
public sealed class SpectrumTests
{
    public SpectrumTests() => LibTorch.EnsureLoaded();

    [Theory]
    [InlineData(40, 24, 4, 1)]
    [InlineData(24, 40, 4, 2)]
    [InlineData(24, 24, 8, -0.5)]
    [InlineData(3, 40, 8, 1)] // a rank above the number of rows
    [InlineData(40, 2, 4, 1)]
    public void Factors_have_the_singular_values_of_their_product(int rows, int columns, int rank, double scale)
    {
        using var scope = NewDisposeScope();
        Tensor left = Initial.Normal([rows, rank], 1, 1), right = Initial.Normal([rank, columns], 1, 2);
        var delta = new FactoredDelta(left, right, scale);
        var product = matmul(left.to(ScalarType.Float64), right.to(ScalarType.Float64)) * scale;
        AssertDecomposes(delta, product, 1e-12);
    }

    [Theory]
    [InlineData(40, 24)]
    [InlineData(24, 40)]
    [InlineData(200, 7)]
    [InlineData(5, 5)]
    public void The_Gram_matrix_gives_what_the_decomposition_of_the_whole_gives(int rows, int columns)
    {
        using var scope = NewDisposeScope();
        var change = Initial.Normal([rows, columns], 0.01, 3);
        AssertDecomposes(new DenseDelta(change), change.to(ScalarType.Float64), 1e-7);
    }

    [Fact]
    public void Ranks_of_known_values()
    {
        var equal = new Spectrum([2, 2, 2, 2]);
        Assert.Equal(16, equal.Energy, 12);
        Assert.Equal(4, equal.Norm, 12);
        Assert.Equal(4, equal.StableRank, 12);
        Assert.Equal(4, equal.EntropyRank, 9);
        Assert.Equal(0.5, equal.EnergyAt(2), 12);
        Assert.Equal((4, 4), (equal.RankFor(0.9), equal.NumericalRank));

        var falling = new Spectrum([3, 1, 0]); // energies 9, 1, 0
        Assert.Equal(0.9, falling.EnergyAt(1), 12);
        Assert.Equal((1, 2, 2), (falling.RankFor(0.9), falling.RankFor(0.95), falling.NumericalRank));
        Assert.Equal(10.0 / 9, falling.StableRank, 12);
        Assert.Equal(Math.Exp(-0.75 * Math.Log(0.75) - 0.25 * Math.Log(0.25)), falling.EntropyRank, 12);

        var nothing = new Spectrum([0, 0]);
        Assert.Equal((0, 0.0), (nothing.RankFor(0.9), nothing.Norm));
        Assert.True(double.IsNaN(nothing.StableRank) && double.IsNaN(nothing.EntropyRank));
        Assert.Equal(1, nothing.EnergyAt(1));

        // Together: 9 + 16 of 26 at rank one, all but 0.25 … at rank two.
        Assert.Equal(1, Spectrum.SmallestRank([falling, new([4.0])], 0.95));
        Assert.Equal(2, Spectrum.SmallestRank([falling, new([4.0])], 0.97));
    }

    private static void AssertDecomposes(Delta delta, Tensor expected, double tolerance)
    {
        var values = linalg.svdvals(expected).data<double>().ToArray();
        var found = delta.SingularValues();
        Assert.True(found.Length <= values.Length);
        for (var i = 0; i < values.Length; i++) Assert.Equal(values[i], i < found.Length ? found[i] : 0, tolerance * values[0]);
        var (u, s, v) = delta.Leading(int.MaxValue);
        Assert.True((matmul(u * s, v.t()) - expected).abs().max().item<double>() <= 10 * tolerance * values[0]);
        var (few, _, _) = delta.Leading(2);
        var identity = matmul(few.t(), few) - eye(few.shape[1], dtype: ScalarType.Float64);
        Assert.True(identity.abs().max().item<double>() < 1e-6);
    }
}
