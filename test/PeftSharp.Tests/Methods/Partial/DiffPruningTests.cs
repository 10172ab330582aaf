using PeftSharp.Interop;
using PeftSharp.Methods;
using PeftSharp.Methods.Partial.DiffPruning;
using PeftSharp.Runs;
using PeftSharp.Sites;
using PeftSharp.Tests.Matrix;
using PeftSharp.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Methods.Partial;

/// <summary>Diff pruning: its gates in small numbers, its penalty, its gradient and its two phases.</summary>
public sealed class DiffPruningTests
{
    private static Batches Data => new([TinyModels.Rows([0, 1], 9), TinyModels.Rows([2, 3], 9)]);

    [Fact]
    public void Gates_Are_Those_Of_The_Paper()
    {
        LibTorch.EnsureLoaded();
        using var scope = NewDisposeScope();
        var alpha = tensor((double[])[-5, 0, 1, 5]);
        // σ(1) = 0.731058578…: stretched to (-1.5, 1.5) it is 0.693175735…
        Close([0, 0, 0.6931757358900146, 1], new HardConcrete(-1.5, 1.5).Value(alpha));
        // log(1.5 / 1.5) = 0: the probability is σ(α).
        Close([0.0066928509242848554, 0.5, 0.7310585786300049, 0.9933071490757153], new HardConcrete(-1.5, 1.5).Open(alpha));
        // Louizos' range: log(0.1 / 1.1) = -2.397895…, σ(2.397895…) = 11/12.
        Assert.Equal(11.0 / 12, new HardConcrete(-0.1, 1.1).Open(zeros(1, ScalarType.Float64)).item<double>(), 12);

        static void Close(double[] expected, Tensor found) =>
            Assert.All(expected.Zip(found.data<double>().ToArray()), pair => Assert.Equal(pair.First, pair.Second, 12));
    }

    [Theory]
    [InlineData(-1.5, 1.5, 0.3)]
    [InlineData(-0.1, 1.1, -2.0)]
    public void As_Many_Gates_Are_Open_As_Their_Probability_Says(double lower, double upper, double alpha)
    {
        LibTorch.EnsureLoaded();
        using var scope = NewDisposeScope();
        var gate = new HardConcrete(lower, upper);
        var alphas = Arithmetic.Filled([200_000], alpha, ScalarType.Float32, CPU);
        var drawn = gate.Draw(alphas, 11);
        var open = drawn.gt(0).to(ScalarType.Float64).mean().item<double>();
        Assert.Equal(gate.Open(alphas[0]).item<float>(), open, 2);
        Assert.InRange(drawn.max().item<float>(), 0.99, 1);
        Bits.AssertSame(drawn, gate.Draw(alphas, 11), "The draw of one seed");
        Bits.AssertDiffers(drawn, gate.Draw(alphas, 12), "The seed");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void The_Penalty_Counts_The_Weights_That_Are_Expected_To_Change(bool structured)
    {
        using var scope = NewDisposeScope();
        using var bench = new Bench("bert", ScalarType.Float64);
        var adapter = Searching(bench, new DiffPruningOptions { Structured = structured, Penalty = 1e-3, Start = 1 });
        var weights = adapter.Slots.Sum(s => s.Count);
        var open = 1 / (1 + Math.Exp(-1));
        var expected = 1e-3 * weights * (structured ? open * open : open);
        var zero = new BatchLoss(zeros([], ScalarType.Float64), 1);
        Assert.Equal(expected, adapter.ComputeLoss(zero, default!).Mean.item<double>(), 9);
        Assert.Equal(weights * 2 + (structured ? adapter.Slots.Count : 0), adapter.TrainedWeights - adapter.HeadWeights);
        Assert.All(Alphas(adapter), t => Assert.Equal(10_000, t.RateFactor));
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, true)]
    public void The_Gradient_Of_Gates_And_Changes_Is_The_Slope_Of_The_Loss(bool structured, bool training)
    {
        using var scope = NewDisposeScope();
        using var bench = new Bench("bert", ScalarType.Float64);
        var adapter = Searching(bench, new DiffPruningOptions { Structured = structured, Penalty = 1e-4, Start = 0.4 });
        Bench.Disturb(adapter, 0.05);
        bench.Loss(adapter, training, seed: 4).Backpropagate();
        var gradients = adapter.Tensors.Select(t => t.Value.grad!.clone()).ToList();
        for (var direction = 0UL; direction < 2; direction++)
        {
            var along = adapter.Tensors
                .Select((t, i) => Initial.Normal(t.Value.shape, 1, 50 * direction + (ulong)i).to(ScalarType.Float64))
                .ToList();
            var slope = along.Zip(gradients, (d, g) => (d * g).sum().item<double>()).Sum();
            const double Width = 1e-7;
            var rise = (At(Width) - At(-Width)) / (2 * Width);
            Assert.Equal(slope, rise, 1e-5 * Math.Max(1, Math.Abs(slope)));

            double At(double step)
            {
                using var guard = no_grad();
                foreach (var (tensor, d) in adapter.Tensors.Zip(along)) tensor.Value.Increase(d, step);
                var loss = bench.Loss(adapter, training, seed: 4).item<double>();
                foreach (var (tensor, d) in adapter.Tensors.Zip(along)) tensor.Value.Increase(d, -step);
                return loss;
            }
        }
    }

    [Theory]
    [InlineData("bert", true)]
    [InlineData("gpt2", false)]
    public void The_Largest_Gated_Changes_Go_On_From_Where_They_Are(string architecture, bool structured)
    {
        using var scope = NewDisposeScope();
        using var bench = new Bench(architecture);
        var adapter = Searching(bench, new DiffPruningOptions { Structured = structured, KeepNumber = 200, Start = 0.5 });
        Bench.Disturb(adapter, 0.3);
        var changed = adapter.Slots.ToDictionary(s => s.Name, s => s.Replaced(adapter.Tag)!.detach().Plus(s.Value, -1).clone());
        var head = adapter.Tensors.Where(t => t.SavedModule).ToDictionary(t => t.Name, t => t.Value.detach().clone());
        adapter.OnPhase(1);
        Assert.Equal(200, adapter.State.Values.Sum(p => p.numel()));
        var kept = adapter.State.SelectMany(s => s.Value.data<long>().ToArray().Select(at => (s.Key, at))).ToHashSet();
        var sorted = changed.SelectMany(c => c.Value.abs().reshape(-1).data<float>().ToArray().Select((v, at) => (c.Key, At: (long)at, v)))
            .OrderByDescending(e => e.v).ToList();
        // Rounding of w + d - w may swap neighbours at the edge.
        Assert.All(sorted.Take(190), e => Assert.Contains((e.Key, e.At), kept));
        foreach (var slot in adapter.Slots)
        {
            var now = (slot.Replaced(adapter.Tag) ?? slot.Value).detach().Plus(slot.Value, -1).reshape(-1).data<float>().ToArray();
            var then = changed[slot.Name].reshape(-1).data<float>().ToArray();
            for (var at = 0; at < now.Length; at++)
                Assert.Equal(kept.Contains((slot.Name, at)) ? then[at] : 0, now[at], 1e-6f);
        }
        Assert.All(head, h => Bits.AssertSame(h.Value, adapter.Tensors.First(t => t.Name == h.Key).Value, h.Key));
        Assert.Empty(Alphas(adapter));
        bench.Peft.Remove(adapter.Name);
        Assert.All(bench.Sites.Slots, s => Assert.Null(s.Replaced(adapter.Tag)));
    }

    [Fact]
    public void A_Penalty_Closes_Gates()
    {
        using var scope = NewDisposeScope();
        double[] means = [.. new[] { 0, 0.01 }.Select(penalty =>
        {
            using var bench = new Bench("bert");
            var adapter = Searching(bench, new DiffPruningOptions { Penalty = penalty, Start = 0.5, Structured = false });
            bench.Train(adapter, 20, training: true);
            return Alphas(adapter).Average(t => t.Value.mean().item<float>());
        })];
        Assert.True(means[1] < means[0] - 0.1, $"{means[0]}, {means[1]}");
    }

    private static IEnumerable<AdapterTensor> Alphas(DiffPruningMethod adapter) =>
        adapter.Tensors.Where(t => t.Local.EndsWith("alpha", StringComparison.Ordinal));

    private static DiffPruningMethod Searching(Bench bench, DiffPruningOptions options)
    {
        var adapter = (DiffPruningMethod)bench.Add(options);
        var plain = bench.Logits(AdapterSelection.None);
        new TrainableAdapter(bench.Peft, adapter).Prepare(Data, 0);
        Assert.True(adapter.IsSearching);
        Bits.AssertSame(plain, bench.Logits(adapter), "The output at the start of the first phase");
        return adapter;
    }
}
