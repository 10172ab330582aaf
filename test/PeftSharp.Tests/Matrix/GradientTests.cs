using PeftSharp.Interop;
using PeftSharp.Methods;
using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Matrix;

/// <summary>Law 4: the gradient that training follows is the slope of the loss.</summary>
public sealed class GradientTests
{
    // So narrow that a direction hardly ever crosses the kink of a relu; float64 still has eight digits left.
    private const double Width = 1e-7, Tolerance = 1e-6;

    [Theory]
    [MemberData(nameof(MatrixCases.Differentiable), MemberType = typeof(MatrixCases))]
    public void Agrees_With_Central_Differences(string architecture, string method) => Agrees(architecture, TinySettings.Of(method));

    /// <summary>Holds the law for an adapter of these settings.</summary>
    internal static void Agrees(string architecture, MethodOptions options)
    {
        using var bench = new Bench(architecture, ScalarType.Float64);
        var adapter = bench.Add(options);
        Move(adapter, 17, 0.02); // off starts where most gradients are zero
        bench.Loss(adapter).Backpropagate();
        var gradients = adapter.Tensors.Select(t => (t.Value.grad ?? zeros_like(t.Value)).clone()).ToList();
        for (var direction = 0UL; direction < 3; direction++)
        {
            var seed = 1000 * (direction + 1);
            var slope = Directions(adapter, seed).Zip(gradients, (d, g) => (d * g).sum().item<double>()).Sum();
            var difference = (LossAt(bench, adapter, seed, Width) - LossAt(bench, adapter, seed, -Width)) / (2 * Width);
            Assert.True(Math.Abs(slope - difference) <= Tolerance * Math.Max(1, Math.Abs(difference)),
                $"Along direction {direction} the gradient is {slope:G9}, but the loss rises by {difference:G9}.");
        }
    }

    [Theory]
    [MemberData(nameof(MatrixCases.All), MemberType = typeof(MatrixCases))]
    public void Recomputed_Layers_Give_The_Same_Gradient_Dropout_Included(string architecture, string method)
    {
        using var bench = new Bench(architecture);
        var adapter = bench.Add(method);
        bench.Train(adapter);
        var (loss, plain) = LossAndGradients(bench, adapter, false);
        var (again, recomputed) = LossAndGradients(bench, adapter, true);
        Bits.AssertSame(loss, again, "The loss");
        var largest = plain.Max(g => g.abs().max().to(ScalarType.Float64).item<double>());
        foreach (var (tensor, (a, b)) in adapter.Tensors.Zip(plain.Zip(recomputed)))
            Bits.AssertClose(
                a.Times(1 / largest), b.Times(1 / largest), Rounding.Of(TinyModels.LongestGradientSum), $"The gradient of {tensor.Name}");
    }

    private static (Tensor Loss, IReadOnlyList<Tensor> Gradients) LossAndGradients(Bench bench, PeftMethod adapter, bool checkpointing)
    {
        var loss = bench.Loss(adapter, training: true, seed: 5, checkpointing);
        loss.Backpropagate();
        var gradients = adapter.Tensors.Select(
            t => t.Value.grad is { } gradient ? gradient.clone() : throw new PeftException($"{t.Name} got no gradient."))
            .ToList();
        foreach (var tensor in adapter.Tensors) tensor.Value.grad = null;
        return (loss, gradients);
    }

    private static double LossAt(Bench bench, PeftMethod adapter, ulong seed, double step)
    {
        Move(adapter, seed, step);
        try
        {
            using var guard = no_grad();
            return bench.Loss(adapter).item<double>();
        }
        finally
        {
            Move(adapter, seed, -step);
        }
    }

    private static void Move(PeftMethod adapter, ulong seed, double step)
    {
        using var guard = no_grad();
        foreach (var (tensor, direction) in adapter.Tensors.Zip(Directions(adapter, seed))) tensor.Value.Increase(direction, step);
        adapter.EncoderRestored();
    }

    private static IEnumerable<Tensor> Directions(PeftMethod adapter, ulong seed) =>
        adapter.Tensors.Select((t, i) => Initial.Normal(t.Value.shape, 1, seed + (ulong)i).to(ScalarType.Float64));
}
