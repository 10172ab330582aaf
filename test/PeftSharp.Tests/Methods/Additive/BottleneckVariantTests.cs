using PeftSharp.Composition;
using PeftSharp.Formats;
using PeftSharp.Methods;
using PeftSharp.Methods.Additive.Bottleneck;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using PeftSharp.Sites;
using PeftSharp.Tests.Files;
using PeftSharp.Tests.Matrix;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Methods.Additive;

/// <summary>The corners of AdapterHub's configuration space of bottleneck adapters.</summary>
public sealed class BottleneckVariantTests : IDisposable
{
    private static readonly Dictionary<string, BottleneckOptions> Variants = new()
    {
        ["products of full rank"] = new() { Phm = true, ReductionFactor = 4, FactorizedPhmWeight = false },
        ["rules of low rank"] = new() { Phm = true, ReductionFactor = 4, FactorizedPhmRule = true, PhmTerms = 2, PhmRuleDeviation = 0.1 },
        ["rules of each map"] = new() { Phm = true, ReductionFactor = 4, SharedPhmRule = false, PhmRuleStart = "uniform" },
        ["shared factors"] = new() { Phm = true, ReductionFactor = 4, AfterAttention = true, SharedPhmWeight = true, PhmRank = 2 },
        ["shared whole factors"] = new() { Phm = true, ReductionFactor = 4, SharedPhmWeight = true, FactorizedPhmWeight = false },
        ["rules as drawn"] = new() { Phm = true, ReductionFactor = 4, LearnPhmRule = false },
        ["no biases"] = new() { Phm = true, ReductionFactor = 4, PhmBias = false },
        ["a norm before"] = new() { Phm = true, ReductionFactor = 4, NormBefore = true },
        ["invertible"] = new() { Invertible = "nice", InvertibleFactor = 4, NonLinearity = "tanh" },
        ["layer by layer"] = new() { LayerFactors = new Dictionary<int, double> { [1] = 2 }, LeaveOut = [0], StochasticDepth = 0.5 },
    };

    private readonly TempFolder _folder = new();

    public static TheoryData<string> Names => [.. Variants.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void Trains_And_Comes_Back_In_Either_Layout(string variant)
    {
        foreach (var architecture in (string[])["bert", "llama"])
        {
            using var bench = new Bench(architecture);
            var adapter = bench.Add(Variants[variant]);
            var start = adapter.Tensors.Select(t => t.Value.detach().clone()).ToList();
            var frozen = adapter.Frozen.Select(t => t.Value.clone()).ToList();
            bench.Train(adapter, 2);
            foreach (var (tensor, before) in adapter.Tensors.Zip(start))
                Assert.False(Bits.Same(before, tensor.Value), $"{tensor.Name} did not move.");
            foreach (var (tensor, before) in adapter.Frozen.Zip(frozen)) Bits.AssertSame(before, tensor.Value, tensor.Name);
            foreach (var format in Enum.GetValues<AdapterFormat>())
            {
                var folder = _folder.File($"{architecture} {format}");
                AdapterFolder.Save(adapter, folder, format);
                using var fresh = new Bench(architecture);
                var loaded = AdapterFolder.Open(folder).LoadInto(fresh.Peft, "other");
                Bits.AssertSame(bench.Logits(adapter), fresh.Logits(loaded), $"{variant} of {architecture} from {format}");
            }
        }
    }

    // A sum of Kronecker products, written out.
    [Fact]
    public void Products_Are_Kronecker_Products()
    {
        using var bench = new Bench("bert", ScalarType.Float64);
        var adapter = bench.Add(Variants["products of full rank"]);
        Bench.Disturb(adapter);
        var rule = adapter.Tensors.First(t => t.Local == "phm_rule");
        var weight = adapter.Tensors.First(t => t.Local == "adapter_up.W");
        using var guard = no_grad();
        var made = new PhmWeight("up", rule, weight).Get(new ForwardContext());
        var sum = Enumerable.Range(0, 4).Select(i => kron(rule.Value[i], weight.Value[i])).Aggregate((a, b) => a + b);
        Bits.AssertClose(sum.t(), made, Rounding.Exact, "The weight");
    }

    [Fact]
    public void An_Invertible_Adapter_Is_Undone_Before_The_Words()
    {
        PeftSharp.Interop.LibTorch.EnsureLoaded();
        var options = new ModelOptions { Task = TaskKind.CausalLanguage, Precision = ScalarType.Float64 };
        using var model = new PeftModel(ModelLoader.Load(TestPaths.Fixture("models", "llama"), options));
        var adapter = model.Add(new BottleneckOptions { Invertible = "nice", NonLinearity = "tanh" });
        Bench.Disturb(adapter);
        var sites = model.Model.Sites;
        var (entry, exit) = (sites.Embeddings[0], sites.Projections.First(p => p.Role == ProjectionRole.Vocabulary));
        var coupling = (IEmbeddingPlugin)entry.Plugins.Items.Single().Plugin;
        var undoing = (IProjectionInput)exit.Plugins.Items.Single().Plugin;
        var x = Initial.Normal([2, 3, 32], 1, 5).to(ScalarType.Float64);
        using var guard = no_grad();
        var there = coupling.Transform(x, zeros(2, 3), new ForwardContext());
        Bits.AssertDiffers(x, there, "The coupling");
        Bits.AssertClose(x, undoing.Input(there, new ForwardContext()), Rounding.Exact, "There and back");
    }

    // In training a row has the adapter or goes without; the mean over many draws is the adapter.
    [Fact]
    public void Depth_Is_Drawn_By_Row()
    {
        using var bench = new Bench("bert");
        var adapter = bench.Add(new BottleneckOptions { StochasticDepth = 0.5, AfterFeedForward = true });
        Bench.Disturb(adapter);
        var site = bench.Sites.Branches.First(b => b.Kind == BranchKind.FeedForward);
        var plugin = site.Plugins.Items.Single().Plugin;
        var x = Initial.Normal([64, 3, 32], 1, 6);
        using var guard = no_grad();
        var state = new BranchState(x, x, site.Norm);
        var without = plugin.Transform(x, state, new ForwardContext());
        var drawn = plugin.Transform(x, state, new ForwardContext { Training = true, Seed = 3 });
        var (added, full) = ((drawn - x).flatten(1), (without - x).flatten(1));
        var gone = added.abs().sum(1).eq(0).data<bool>().ToArray();
        Assert.InRange(gone.Count(g => g), 16, 48);
        for (var row = 0; row < 64; row++)
            if (!gone[row]) Bits.AssertClose(full[row] * 2, added[row], 1e-5, $"Row {row}");
    }

    [Fact]
    public void What_Cannot_Be_Is_Refused()
    {
        using var bench = new Bench("bert");
        Refusal.Of(bench, () => bench.Add(new BottleneckOptions { Phm = true, PhmTerms = 5 }), "phm_dim", "32");
        Refusal.Of(bench, () => bench.Add(new BottleneckOptions { Phm = true, InitWeights = "houlsby" }), "init_weights");
        Refusal.Of(bench, () => bench.Add(new BottleneckOptions { Invertible = "glow" }), "inv_adapter", "glow");
        Refusal.Of(bench, () => bench.Add(new BottleneckOptions { StochasticDepth = 1 }), "stochastic_depth");
        Refusal.Of(bench, () => bench.Add(new BottleneckOptions { AfterFeedForward = false, AfterCrossAttention = true }), "cross_adapter");
    }

    public void Dispose() => _folder.Dispose();
}
