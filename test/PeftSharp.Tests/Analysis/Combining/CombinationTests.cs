using PeftSharp.Analysis;
using PeftSharp.Analysis.Combining;
using PeftSharp.Formats;
using PeftSharp.Methods;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Sites;
using PeftSharp.Tests.Files;
using PeftSharp.Tests.Matrix;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Analysis.Combining;

/// <summary>New adapters made of others: what they do to each matrix, against plain sums of what their sources do.</summary>
public sealed class CombinationTests
{
    private static readonly LoraOptions Plain = new() { Rank = 3, Alpha = 7 };

    /// <summary>peft multiplies the factors' cross terms into a sum, worst with negative weights (#3004); ranks may differ here.</summary>
    [Theory]
    [InlineData("bert", 1, 1)]
    [InlineData("llama", 0.3, -1.7)]
    [InlineData("gpt2", -1, 0.5)]
    public void Cat_Is_The_Exact_Sum(string architecture, double first, double second)
    {
        using var bench = new Bench(architecture, ScalarType.Float64);
        var (a, b) = (
            Off(bench, Plain, "a", 70),
            Off(bench, Plain with { Rank = 5, Alpha = 2, UseRsLora = true, TargetModules = new("all-linear") }, "b", 80));
        var made = AdapterCombination.Combine(bench.Peft, [(a, first), (b, second)], new() { Head = "a" });
        AssertSum(bench, made.Adapter, [(a, first), (b, second)]);
        Assert.Equal(1, made.Energy);
    }

    /// <summary>What a stack of both answers, one adapter answers.</summary>
    [Theory]
    [InlineData("bert")]
    [InlineData("llama")]
    public void The_Sum_Answers_As_The_Stack_Does(string architecture)
    {
        using var bench = new Bench(architecture, ScalarType.Float64);
        var (a, b) = (
            Off(bench, Plain with { LoraBias = architecture == "bert" }, "a", 70),
            Off(bench, Plain with { Bias = architecture == "bert" ? "lora_only" : "none" }, "b", 80));
        var made = AdapterCombination.Combine(bench.Peft, [(a, 1), (b, 1)], new() { Head = "b" });
        Bits.AssertClose(bench.Logits(AdapterSelection.Of(a.Tag, b.Tag)), bench.Logits(made.Adapter), Rounding.Exact, "The sum");
        Bits.AssertDiffers(bench.Logits(b), bench.Logits(made.Adapter), "The first adapter");
    }

    /// <summary>peft applies alpha / r twice in its SVD, and keeps the first adapter's rsLoRA besides.</summary>
    [Fact]
    public void A_Cut_Sum_Is_Scaled_Once()
    {
        using var bench = new Bench("bert", ScalarType.Float64);
        var (a, b) = (Off(bench, Plain with { UseRsLora = true }, "a", 70), Off(bench, Plain, "b", 80));
        var made = AdapterCombination.Combine(bench.Peft, [(a, 0.4), (b, 0.6)], new() { How = CombineMethod.Svd, Rank = 6 });
        AssertSum(bench, made.Adapter, [(a, 0.4), (b, 0.6)], 1e-8);
        Assert.Equal(1, made.Energy, 1e-10);
        var options = (LoraOptions)made.Adapter.Options;
        Assert.False(options.UseRsLora);
        Assert.Equal(options.Rank, options.Alpha);
        var cut = AdapterCombination.Combine(bench.Peft, [(a, 0.4), (b, 0.6)], new() { How = CombineMethod.Svd }, "cut");
        Assert.Equal(3, ((LoraOptions)cut.Adapter.Options).Rank);
        Assert.InRange(cut.Energy, 0.5, 0.9999);
    }

    /// <summary>peft loses the pattern of ranks, so that what it saves cannot be read again (#3737).</summary>
    [Theory]
    [InlineData(AdapterFormat.Peft)]
    public void Unequal_Ranks_Are_Saved_And_Read(AdapterFormat format)
    {
        using var bench = new Bench("bert");
        var a = Off(bench, Plain with { RankPattern = new Dictionary<string, int> { ["layer.1.attention.self.query"] = 6 } }, "a", 70);
        var b = Off(bench, Plain with { TargetModules = new(["query", "dense"]) }, "b", 80);
        var made = AdapterCombination.Combine(bench.Peft, [(a, 1), (b, 2)]);
        var ranks = made.Adapter.Tensors.Where(t => t.Local == "lora_A.weight").Select(t => t.Value.shape[0]).Distinct().Order();
        Assert.Equal([3, 6, 9], ranks);
        using var folder = new TempFolder();
        AdapterFolder.Save(made.Adapter, folder.Root, format);
        using var fresh = new Bench("bert");
        Bits.AssertSame(
            bench.Logits(made.Adapter), fresh.Logits(AdapterFolder.Open(folder.Root).LoadInto(fresh.Peft)),
            "The combination after saving and loading");
    }

    /// <summary>
    /// peft leaves magnitudes and biases out in silence (#3761), and adds up the multipliers of (IA)³: here a change is what merging adds.
    /// </summary>
    [Theory]
    [InlineData("lora")]
    [InlineData("ia3")]
    [InlineData("vera")]
    [InlineData("bitfit")]
    [InlineData("full")]
    public void Whatever_Merges_Is_Combined_As_It_Merges(string method)
    {
        using var bench = new Bench("bert", ScalarType.Float64);
        var dora = Off(bench, Plain with { UseDora = true }, "dora", 70);
        var other = Off(bench, MethodRegistry.Options(method), "other", 80);
        (PeftMethod, double)[] sources = [(dora, 0.5), (other, -0.25)];
        var made = AdapterCombination.Combine(bench.Peft, sources, new() { Rank = 32, Head = "dora" });
        AssertSum(bench, made.Adapter, sources, 1e-7);
        Refusal.Of(bench, () => AdapterCombination.Combine(bench.Peft, sources, new() { Head = "dora" }, "again"), "whole matrix", "rank");
    }

    [Fact]
    public void A_Share_Of_The_Energy_Chooses_Ranks()
    {
        using var bench = new Bench("bert", ScalarType.Float64);
        var a = Off(bench, Plain with { Rank = 12, TargetModules = new("all-linear") }, "a", 70);
        var made = AdapterCombination.Combine(bench.Peft, [(a, 1)], new() { How = CombineMethod.Svd, Energy = 0.8 });
        Assert.InRange(made.Energy, 0.8, 0.97);
        foreach (var matrix in ChangedMatrix.Of(bench.Peft, a).Where(m => m.Place.Group == MatrixGroup.Maps))
        {
            var squares = matrix.Delta.SingularValues().Select(s => s * s).ToArray();
            var needed = Enumerable.Range(1, squares.Length).First(k => squares.Take(k).Sum() >= 0.8 * squares.Sum());
            Assert.Equal(needed, made.Adapter.Tensors.First(t => t.Path == matrix.Place.Path && t.Local == "lora_A.weight").Value.shape[0]);
        }
    }

    [Theory]
    [InlineData("pfeiffer")]
    [InlineData("prompt")]
    [InlineData("ia3")]
    public void A_Mean_Is_That_Of_The_Tensors(string method)
    {
        using var bench = new Bench("bert", ScalarType.Float64);
        var (a, b) = (Off(bench, MethodRegistry.Options(method), "a", 70), Off(bench, MethodRegistry.Options(method), "b", 80));
        var made = AdapterCombination.Combine(bench.Peft, [(a, 1), (b, 3)], new() { How = CombineMethod.Mean });
        for (var i = 0; i < a.Tensors.Count; i++)
            Bits.AssertClose(
                a.Tensors[i].Value * 0.25 + b.Tensors[i].Value * 0.75, made.Adapter.Tensors[i].Value, 1e-12, a.Tensors[i].Name);
        Bits.AssertClose(
            bench.Logits(a),
            bench.Logits(AdapterCombination.Combine(bench.Peft, [(a, 2)], new() { How = CombineMethod.Mean }, "same").Adapter),
            Rounding.Exact, "A mean of one");
    }

    [Fact]
    public void What_Cannot_Be_Combined_Is_Refused()
    {
        using var bench = new Bench("bert");
        var (a, b) = (Off(bench, Plain, "a", 70), Off(bench, Plain, "b", 80));
        var (neck, wide) =
            (Off(bench, MethodRegistry.Options("pfeiffer"), "neck", 80), Off(bench, MethodRegistry.Options("houlsby"), "wide", 80));
        var five = bench.Peft.Add(Plain, "five", outputs: 5);
        void Refused(string said, CombineOptions options, params (PeftMethod, double)[] sources) =>
            Refusal.Of(bench, () => AdapterCombination.Combine(bench.Peft, sources, options), said);
        Refused("nothing to combine", new());
        Refused("finite", new(), (a, double.NaN));
        Refused("not a change of weights", new(), (a, 1), (neck, 1));
        Refused("--how mean", new(), (neck, 1));
        Refused("their methods or tensors differ", new() { How = CombineMethod.Mean }, (neck, 1), (wide, 1));
        Refused("add up to 0", new() { How = CombineMethod.Mean, Head = "a" }, (a, 1), (b, -1));
        Refused("add up to 0", new(), (a, 1), (b, -1));
        Refused("--head", new(), (a, 1), (b, -1));
        Refused("answer different labels", new(), (a, 1), (five, 1));
        Refused("--head", new(), (a, 1), (five, 1));
        Refused("\"x\"", new() { Head = "x" }, (a, 1));
        Refused("density", new() { Density = 0 }, (a, 1));
        Refused("rank", new() { Rank = 0 }, (a, 1));
        Refused("energy", new() { Energy = 1.5 }, (a, 1));
        Refused("give one of them", new() { Energy = 0.5, Rank = 2 }, (a, 1));
        Refusal.Of(bench, () => AdapterCombination.Combine(bench.Peft, [(a, 1)], null, "b"), "already");
        Assert.Equal(5, AdapterCombination.Combine(bench.Peft, [(a, 1), (five, 1)], new() { Head = "five" }).Adapter.Tag.Outputs);
    }

    // Every tensor that merging would write is the base's and the weighted sum of the changes; heads aside.
    private static void AssertSum(
        Bench bench, PeftMethod made, (PeftMethod Adapter, double Weight)[] sources, double tolerance = Rounding.Exact)
    {
        using var guard = no_grad();
        foreach (
            var slot in bench.Sites.Slots.Where(s => !bench.Peft.Model.Head.Modules.Any(name => Targets.IsSavedModule(s.Module, name))))
        {
            using var scope = NewDisposeScope();
            Tensor Merged(PeftMethod adapter) =>
                PeftSharp.Composition.Merger.MergedValue(bench.Sites, slot, adapter.Tag, "test") ?? slot.Value;
            var expected = sources.Aggregate(slot.Value, (sum, one) => sum + (Merged(one.Adapter) - slot.Value) * one.Weight);
            Bits.AssertClose(expected, Merged(made), tolerance, slot.Name);
        }
    }

    private static PeftMethod Off(Bench bench, MethodOptions method, string name, ulong seed)
    {
        var adapter = bench.Add(method, name, seed);
        Bench.Disturb(adapter, seed: seed);
        return adapter;
    }
}
