using PeftSharp.Interop;
using PeftSharp.Interop.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Interop.Kernels;

/// <summary>
/// Each fused operation gives what its formula gives in float64, values and gradients, for widths and strides of every kind.
/// </summary>
public sealed class FusedOperationTests
{
    private const double Tolerance = 5e-6;

    // Widths below, at and beyond a vector, and tensors whose rows do not follow each other.
    public static TheoryData<int, bool> Shapes => new()
    {
        { 1, false }, { 7, false }, { 8, true }, { 33, true }, { 64, false }, { 100, true },
    };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Norm_Is_Its_Formula(int width, bool strided)
    {
        foreach (var shift in new[] { 0f, 1f })
            Check(
                [Drawn(strided, 2, 3, width), Drawn(false, width)],
                inputs => new RootMeanSquareNorm(1e-5, shift).Of(inputs[0], inputs[1]),
                inputs => inputs[0] * inputs[0].Squared().mean([-1], keepdim: true).Plus(1e-5).rsqrt() * inputs[1].Plus((double)shift));
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Gated_Silu_Is_Its_Formula(int width, bool strided) =>
        Check(
            [Drawn(strided, 2, 3, width), Drawn(strided, 2, 3, width)],
            inputs => GatedSilu.Of(inputs[0], inputs[1]),
            inputs => inputs[0] * inputs[0].sigmoid() * inputs[1]);

    [Theory]
    [InlineData(8, 8, 1)]
    [InlineData(64, 64, 2)]
    [InlineData(20, 12, 1)]
    [InlineData(40, 36, 2)]
    public void Rotation_Is_Its_Formula(int width, int turned, int angleRows)
    {
        using var scope = NewDisposeScope();
        var half = randn(angleRows, 1, 5, turned / 2, dtype: ScalarType.Float64);
        var angles = cat([half, half], -1);
        var (cos, sin) = (angles.cos(), angles.sin());
        Check(
            [Drawn(false, 2, 5, 3, width).transpose(1, 2)],
            inputs => Rotation.Of(inputs[0], cos.to(ScalarType.Float32), sin.to(ScalarType.Float32)),
            inputs =>
            {
                var (x, rest) = (inputs[0].narrow(3, 0, turned), inputs[0].narrow(3, turned, width - turned));
                var other = cat([x.narrow(3, turned / 2, turned / 2).neg(), x.narrow(3, 0, turned / 2)], -1);
                return cat([(x * cos).Plus(other * sin), rest], -1);
            });
    }

    [Theory]
    [InlineData(1, 8, 16, 8)]
    [InlineData(3, 33, 20, 5)]
    [InlineData(131, 64, 48, 16)]
    [InlineData(300, 40, 17, 1)]
    public void Low_Rank_Product_Is_Its_Formula(int rows, int width, int outputs, int ranks) =>
        Check(
            [Drawn(true, 1, rows, width), Drawn(false, ranks, width), Drawn(false, outputs, ranks)],
            inputs => new LowRankProduct(0.75).Of(inputs[0], inputs[1], inputs[2]),
            inputs => matmul(matmul(inputs[0], inputs[1].t()), inputs[2].t()).Times(0.75));

    [Fact]
    public void Low_Rank_Product_Drops_As_Dropout_Does()
    {
        using var scope = NewDisposeScope();
        using var mask = DropoutMask.Create([1, 70, 24], ScalarType.Float32, 0.3, 9);
        Check(
            [Drawn(false, 1, 70, 24), Drawn(false, 4, 24), Drawn(false, 12, 4)],
            inputs => new LowRankProduct(2, 0.3, 9).Of(inputs[0], inputs[1], inputs[2]),
            inputs => matmul(matmul(inputs[0] * mask.to(ScalarType.Float64), inputs[1].t()), inputs[2].t()).Times(2));
    }

    [Fact]
    public void Rows_Of_A_Low_Rank_Product_Do_Not_Depend_On_Each_Other()
    {
        using var scope = NewDisposeScope();
        var (x, a, b) = (randn(1, 37, 50), randn(6, 50), randn(31, 6));
        var whole = new LowRankProduct(1).Of(x, a, b);
        for (var row = 0; row < 37; row++)
            Assert.Equal(Numbers(whole.narrow(1, row, 1)), Numbers(new LowRankProduct(1).Of(x.narrow(1, row, 1), a, b)));
    }

    [Fact]
    public void Nothing_Comes_Of_Nothing()
    {
        using var scope = NewDisposeScope();
        Assert.Equal([0, 5], new RootMeanSquareNorm(1e-5, 0).Of(zeros(0, 5), ones(5)).shape);
        Assert.Equal([0, 5], GatedSilu.Of(zeros(0, 5), zeros(0, 5)).shape);
        Assert.Equal([0, 3], new LowRankProduct(1).Of(zeros(0, 5), ones(2, 5), ones(3, 2)).shape);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(19)]
    [InlineData(70)]
    public void Attention_Of_One_Query_Is_Its_Formula(int keys)
    {
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        var (q, k, v) = (randn(2, 6, 1, 40), randn(2, 3, keys + 4, 40).narrow(2, 0, keys), randn(2, 3, keys + 4, 40).narrow(2, 0, keys));
        Tensor Wide(Tensor x) => x.to(ScalarType.Float64).repeat_interleave(2, 1);
        var expected = matmul(matmul(q.to(ScalarType.Float64), Wide(k).transpose(-1, -2)).Times(0.3).softmax(-1), Wide(v));
        AssertClose(expected, QueryAttention.Of(q, k, v, 0.3), "attention");
    }

    [Theory]
    [InlineData(5)]
    [InlineData(8)]
    [InlineData(3001)]
    public void Softmax_Loss_Is_Its_Formula(int classes)
    {
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        var logits = randn(4, classes).Times(5.0);
        long[] targets = [0, classes - 1, 2, classes / 2];
        var wide = logits.to(ScalarType.Float64);
        var places = tensor(targets).unsqueeze(1);
        var loss = wide.logsumexp(1, true).sub(wide.gather(1, places)).sum().item<double>();
        Assert.Equal(loss, SoftmaxLoss.Sum(logits.clone(), targets, shares: false), 1e-5 * Math.Max(10, loss));
        var shares = logits.clone();
        Assert.Equal(loss, SoftmaxLoss.Sum(shares, targets, shares: true), 1e-5 * Math.Max(10, loss));
        AssertClose(wide.softmax(1).scatter_add(1, places, full([4, 1], -1.0, ScalarType.Float64)), shares, "gradient");
    }

    [Fact]
    public void Softmax_Loss_Of_What_Is_No_Number_Is_None()
    {
        using var scope = NewDisposeScope();
        var logits = randn(1, 20);
        logits[0, 3] = float.NaN;
        Assert.True(double.IsNaN(SoftmaxLoss.Sum(logits, [1], shares: true)));
    }

    private static Tensor Drawn(bool strided, params long[] shape)
    {
        using var generator = new Generator(shape.Aggregate(7UL, (seed, size) => seed * 31 + (ulong)size));
        if (!strided) return randn(shape, generator: generator);
        long[] wider = [.. shape[..^1], shape[^1] + 5];
        return randn(wider, generator: generator).narrow(-1, 2, shape[^1]);
    }

    private static void Check(Tensor[] inputs, Func<Tensor[], Tensor> fused, Func<Tensor[], Tensor> formula)
    {
        using var scope = NewDisposeScope();
        Tensor[] Leaves(ScalarType type) => [.. inputs.Select(input => input.detach().to(type).requires_grad_(true))];
        var (narrow, wide) = (Leaves(ScalarType.Float32), Leaves(ScalarType.Float64));
        // Views of the leaves keep the strides of the inputs.
        var result = fused([.. narrow.Zip(inputs, Strided)]);
        var expected = formula(wide);
        AssertClose(expected, result, "result");
        using (no_grad()) AssertClose(expected, fused([.. inputs]), "result without a graph");
        var weights = Drawn(false, expected.shape).to(ScalarType.Float64);
        (expected * weights).sum().Backpropagate();
        AutogradFailures.Backward((result * weights.to(ScalarType.Float32)).sum());
        for (var i = 0; i < inputs.Length; i++) AssertClose(wide[i].grad!, narrow[i].grad!, $"gradient {i}");
    }

    private static Tensor Strided(Tensor leaf, Tensor like)
    {
        if (like.is_contiguous()) return leaf;
        if (like.dim() == 4) return leaf.transpose(1, 2).contiguous().transpose(1, 2);
        return cat([leaf, leaf.narrow(-1, 0, 1)], -1).narrow(-1, 0, leaf.shape[^1]);
    }

    private static float[] Numbers(Tensor x) => x.contiguous().data<float>().ToArray();

    private static void AssertClose(Tensor expected, Tensor actual, string what)
    {
        Assert.Equal(expected.shape, actual.shape);
        var wide = actual.to(ScalarType.Float64);
        var difference = wide.sub(expected).abs().max().item<double>();
        var size = Math.Max(1, expected.abs().max().item<double>());
        Assert.True(difference <= Tolerance * size, $"{what}: {difference} of {size}");
    }
}
