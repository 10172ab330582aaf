using PeftSharp.Interop;
using PeftSharp.Interop.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Interop.Kernels;

/// <summary>
/// Norms and gates are computed again in a backward pass: what was made of them first may be overwritten, and gradients stay right.
/// </summary>
public sealed class RepeatableResultTests
{
    [Fact]
    public void Readers_Of_A_Norm_Compute_It_Again() => Check(
        [Drawn(3, 40), Drawn(40)],
        inputs => new RootMeanSquareNorm(1e-5, 0).Of(inputs[0], inputs[1]),
        inputs => inputs[0] * inputs[0].Squared().mean([-1], keepdim: true).Plus(1e-5).rsqrt() * inputs[1]);

    [Fact]
    public void Readers_Of_A_Gate_Compute_It_Again() => Check(
        [Drawn(3, 40), Drawn(3, 40)],
        inputs => GatedSilu.Of(inputs[0], inputs[1]),
        inputs => inputs[0] * inputs[0].sigmoid() * inputs[1]);

    [Fact]
    public void What_Was_Made_Of_Something_Released_Is_Kept()
    {
        using var scope = NewDisposeScope();
        var (x, weight, a, b) = (Leaf(Drawn(3, 40)), Drawn(40), Leaf(Drawn(4, 40)), Leaf(Drawn(6, 4)));
        var expected = Gradients([x, a, b], () => new LowRankProduct(1).Of(new RootMeanSquareNorm(1e-5, 0).Of(x, weight), a, b));
        var actual = Gradients([x, a, b], () =>
        {
            var handle = x.alias();
            var norm = new RootMeanSquareNorm(1e-5, 0).Of(handle, weight);
            handle.Dispose();
            return new LowRankProduct(1).Of(norm, a, b);
        });
        Assert.Equal(expected, actual);
    }

    [Fact]
    public void A_Rotation_Does_Not_Keep_What_It_Turned()
    {
        using var scope = NewDisposeScope();
        var (x, cos, sin) = (Leaf(Drawn(1, 2, 5, 8)), Drawn(1, 1, 5, 8), Drawn(1, 1, 5, 8));
        var expected = Gradients([x], () => Rotation.Of(x.Times(1.0), cos, sin));
        var actual = Gradients([x], () =>
        {
            var once = x.Times(1.0);
            var turned = Rotation.Of(once, cos, sin);
            Overwrite(once);
            return turned;
        });
        Assert.Equal(expected, actual);
    }

    // Two readers of one result; its memory is overwritten between the passes.
    private static void Check(Tensor[] inputs, Func<Tensor[], Tensor> cheap, Func<Tensor[], Tensor> formula)
    {
        using var scope = NewDisposeScope();
        Tensor[] leaves = [.. inputs, Drawn(4, 40), Drawn(6, 4), Drawn(2, 40), Drawn(6, 2)];
        Tensor Read(Tensor y, Tensor[] all, Func<Tensor, Tensor, Tensor, Tensor> product) =>
            product(y, all[2], all[3]).Plus(product(y, all[4], all[5]));
        Tensor[] narrow = [.. leaves.Select(Leaf)], wide = [.. leaves.Select(leaf => Leaf(leaf.to(ScalarType.Float64)))];
        var expected = Gradients(wide, () => Read(formula(wide), wide, (y, a, b) => matmul(matmul(y, a.t()), b.t())));
        var actual = Gradients(narrow, () =>
        {
            var y = cheap(narrow);
            var result = Read(y, narrow, (x, a, b) => new LowRankProduct(1).Of(x, a, b));
            Overwrite(y);
            return result;
        });
        for (var i = 0; i < expected.Length; i++)
            for (var k = 0; k < expected[i].Length; k++)
                Assert.Equal(expected[i][k], actual[i][k], 1e-4 * Math.Max(1, Math.Abs(expected[i][k])));
    }

    private static double[][] Gradients(Tensor[] leaves, Func<Tensor> compute)
    {
        using var scope = NewDisposeScope();
        foreach (var leaf in leaves) leaf.grad = null;
        var result = compute();
        using var weights = Drawn(result.shape).to(result.dtype);
        AutogradFailures.Backward((result * weights).sum());
        var gradients = leaves.Select(leaf => leaf.grad!.to(ScalarType.Float64).contiguous().data<double>().ToArray()).ToArray();
        foreach (var leaf in leaves) leaf.grad = null;
        return gradients;
    }

    // Not through an operation of autograd's, which would notice.
    private static void Overwrite(Tensor y)
    {
        var numbers = y.detach().view(-1).data<float>();
        for (var i = 0L; i < numbers.Count; i++) numbers[i] = 1e6f;
    }

    private static Tensor Leaf(Tensor value) => value.detach().clone().requires_grad_(true);

    private static Tensor Drawn(params long[] shape)
    {
        using var generator = new Generator(shape.Aggregate(11UL, (seed, size) => seed * 31 + (ulong)size));
        return randn(shape, generator: generator);
    }
}
