using PeftSharp.Methods;
using PeftSharp.Methods.Additive.Bottleneck;
using PeftSharp.Methods.Additive.Prefix;
using PeftSharp.Methods.Additive.Prompt;
using PeftSharp.Sites;
using PeftSharp.Tests.Matrix;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Sites;

/// <summary>Trees of adapters: what each kind of node computes, by numbers, alone and row by row.</summary>
public sealed class CompositionTests
{
    private static readonly string[] Architectures = ["bert", "gpt2", "llama"];

    // What may stand beside each other in an average: everything but prompts and prefixes.
    private static readonly string[] Methods = ["lora", "bottleneck", "houlsby-2019", "scaled-parallel", "bitfit", "vera", "full"];

    public static TheoryData<string, string> Cases
    {
        get
        {
            var data = new TheoryData<string, string>();
            foreach (var architecture in Architectures)
                foreach (var method in Methods) data.Add(architecture, method);
            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_Stack_Or_An_Average_Of_One_Is_The_Adapter(string architecture, string method)
    {
        using var bench = new Bench(architecture, ScalarType.Float64);
        var a = Off(bench, method, "a");
        var alone = bench.Logits(AdapterSelection.Of(a.Tag));
        var single = AdapterComposition.Of(a.Tag);
        Bits.AssertSame(alone, Logits(bench, AdapterComposition.StackOf(single)), "A stack of one");
        Bits.AssertSame(alone, Logits(bench, AdapterComposition.AverageOf((single, 0.3))), "An average of one");
        Bits.AssertSame(alone, Logits(bench, AdapterComposition.SplitOf((single, 4))), "A split of one");
        Bits.AssertClose(
            alone, Logits(bench, AdapterComposition.AverageOf((single, 0.25), (single, 0.75))), Rounding.Exact,
            "An average of the same twice");
        Bits.AssertDiffers(alone, bench.Logits(AdapterSelection.None), method);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void An_Average_With_All_The_Weight_On_One_Is_That_One(string architecture, string method)
    {
        using var bench = new Bench(architecture, ScalarType.Float64);
        var (a, b) = (Off(bench, method, "a"), Off(bench, method, "b", 80));
        var alone = bench.Logits(AdapterSelection.Of(b.Tag));
        Bits.AssertClose(
            alone, Logits(bench, AdapterComposition.AverageOf((a.Tag.Single, 0), (b.Tag.Single, 2))), Rounding.Exact,
            "An average of weights 0 and 2");
        Bits.AssertDiffers(
            alone, Logits(bench, AdapterComposition.AverageOf((a.Tag.Single, 1), (b.Tag.Single, 1))), "A half of another adapter");
    }

    /// <summary>AdapterHub divides once by the weights and once more by the number of adapters: values 1 and 3 become 1.</summary>
    [Fact]
    public void An_Average_Is_Divided_Once()
    {
        using var scope = NewDisposeScope();
        var site = new BranchSite(new SitePlace("branch"), BranchKind.FeedForward, 4, null);
        AdapterTag[] tags = [new("one"), new("three"), new("none")];
        site.Plugins.Add(tags[0], new Adding(1));
        site.Plugins.Add(tags[1], new Adding(3));
        double Of(params (AdapterComposition, double)[] parts)
        {
            var context = new ForwardContext { Selection = AdapterSelection.Of(AdapterComposition.AverageOf(parts)) };
            return site.Forward(zeros(1, 2, 4), zeros(1, 2, 4), zeros(1, 2, 4), context).sum().item<float>() / 8;
        }
        Assert.Equal(2, Of((tags[0].Single, 1), (tags[1].Single, 1)), 1e-6);
        Assert.Equal(1.5, Of((tags[0].Single, 3), (tags[1].Single, 1)), 1e-6);
        Assert.Equal(0.5, Of((tags[0].Single, 1), (tags[2].Single, 1)), 1e-6);
        Assert.Equal(3.5, Of((AdapterComposition.StackOf(tags[0].Single, tags[1].Single), 1), (tags[1].Single, 1)), 1e-6);
    }

    [Theory]
    [InlineData("bert")]
    [InlineData("llama")]
    public void The_Logits_Of_An_Average_Of_Heads_Are_The_Average_Of_Their_Logits(string architecture)
    {
        using var bench = new Bench(architecture, ScalarType.Float64);
        var (a, b) = (Off(bench, "head", "a"), Off(bench, "head", "b", 80));
        var expected = bench.Logits(a) * 0.25 + bench.Logits(b) * 0.75;
        Bits.AssertClose(
            expected, Logits(bench, AdapterComposition.AverageOf((a.Tag.Single, 1), (b.Tag.Single, 3))), Rounding.Exact, "Heads");
    }

    /// <summary>Trees of unlike methods in one batch, free rows included: each row as alone.</summary>
    [Theory]
    [InlineData("bert")]
    [InlineData("roberta")]
    [InlineData("gpt2")]
    [InlineData("llama")]
    public void Rows_Of_Mixed_Compositions_Equal_The_Rows_Alone(string architecture)
    {
        using var bench = new Bench(architecture, ScalarType.Float64);
        MethodOptions[] methods =
        [
            .. ((string[])["lora", "bottleneck"]).Select(MethodRegistry.Options), new PrefixOptions { VirtualTokens = 3 },
            new PromptOptions { VirtualTokens = 2 },
            .. ((string[])["bitfit", "houlsby-2019", "unipelt", "vera"]).Select(MethodRegistry.Options),
        ];
        var tags = methods.Select((method, i) => Off(bench, method, $"{i}", 80 + (ulong)i).Tag.Single).ToArray();
        AdapterComposition?[] trees =
        [
            AdapterComposition.StackOf(tags[0], tags[1]),
            null,
            AdapterComposition.AverageOf((tags[1], 1), (AdapterComposition.StackOf(tags[0], tags[4]), 2)),
            AdapterComposition.StackOf(tags[2], tags[3], AdapterComposition.AverageOf((tags[5], 1), (tags[7], 1))),
            AdapterComposition.SplitOf((tags[1], 2), (AdapterComposition.StackOf(tags[1], tags[1]), 3), (tags[1], 0)),
            tags[6],
            AdapterComposition.StackOf(tags[1], tags[0]),
        ];
        foreach (var rows in (int[][])[[0, 1, 2, 3], [4, 2, 5, 1], [6, 0, 6, 0], [3, 4, 3, 5], [2, 2, 2, 2]])
        {
            var mixed = bench.Logits(AdapterSelection.PerRow([.. rows.Select(row => trees[row])]));
            for (var row = 0; row < rows.Length; row++)
            {
                var alone = bench.Logits(trees[rows[row]] is { } tree ? AdapterSelection.Of(tree) : AdapterSelection.None, row);
                Bits.AssertClose(
                    alone, mixed.narrow(0, row, 1), Rounding.Exact,
                    $"Row {row} of [{string.Join(" | ", rows.Select(i => trees[i]?.ToString() ?? "none"))}]");
            }
        }
    }

    [Theory]
    [InlineData("bert")]
    [InlineData("gpt2")]
    public void Each_Part_Of_A_Split_Acts_On_Its_Own_Tokens(string architecture)
    {
        using var bench = new Bench(architecture, ScalarType.Float64);
        // In the last layer alone, so that no token sees what another has become.
        var options = new BottleneckOptions { Size = 4, LeaveOut = [0] };
        var (a, b) = (bench.Add(options, "a"), bench.Add(options, "b", 12));
        Bench.Disturb(a);
        Bench.Disturb(b, seed: 90);
        var split = Hidden(bench, AdapterComposition.SplitOf((a.Tag.Single, 3), (b.Tag.Single, 0)));
        Bits.AssertClose(Hidden(bench, a.Tag.Single).narrow(1, 0, 3), split.narrow(1, 0, 3), Rounding.Exact, "The first tokens");
        Bits.AssertClose(Hidden(bench, b.Tag.Single).narrow(1, 3, 6), split.narrow(1, 3, 6), Rounding.Exact, "The others");
        Bits.AssertDiffers(Hidden(bench, a.Tag.Single), Hidden(bench, b.Tag.Single), "Another adapter");
    }

    [Fact]
    public void Gradients_Of_A_Composition_Match_Finite_Differences()
    {
        using var bench = new Bench("bert", ScalarType.Float64);
        var (a, b, c) = (Off(bench, "lora", "a"), Off(bench, "bottleneck", "b", 80), Off(bench, "bitfit", "c", 90));
        var tree = AdapterComposition.StackOf(a.Tag.Single, AdapterComposition.AverageOf((b.Tag.Single, 1), (c.Tag.Single, 2)));
        double Loss()
        {
            using var guard = no_grad();
            return bench.Peft.Model.Loss(bench.Batch, new() { Selection = AdapterSelection.Of(tree) }).Mean.item<double>();
        }
        bench.Peft.Model.Loss(bench.Batch, new() { Selection = AdapterSelection.Of(tree) }).Mean.Backpropagate();
        foreach (var adapter in (PeftMethod[])[a, b, c])
        {
            var tensor = adapter.Tensors.First(t => t.Value.grad is { } grad && grad.abs().max().item<double>() > 1e-6);
            var direction = Initial.Normal(tensor.Value.shape, 1, 5).to(ScalarType.Float64);
            var expected = (tensor.Value.grad! * direction).sum().item<double>();
            double Moved(double by)
            {
                using var guard = no_grad();
                tensor.Value.add_(direction * by);
                var loss = Loss();
                tensor.Value.sub_(direction * by);
                return loss;
            }
            Assert.Equal(expected, (Moved(1e-5) - Moved(-1e-5)) / 2e-5, 1e-7);
        }
    }

    [Fact]
    public void An_Adapter_Is_Trained_While_Others_Act_And_Get_No_Gradient()
    {
        using var bench = new Bench("bert", ScalarType.Float64);
        var (a, b) = (Off(bench, "lora", "a"), bench.Add(new BottleneckOptions { Size = 3, NormBefore = true, UseGating = true }, "b"));
        Bench.Disturb(b);
        var both = AdapterSelection.Of(a.Tag, b.Tag);
        Tensor[] Gradients(AdapterTag? trained)
        {
            foreach (var tensor in a.Tensors.Concat(b.Tensors)) tensor.Value.grad = null;
            bench.Peft.Model.Loss(bench.Batch, new() { Selection = both, Trained = trained }).Mean.Backpropagate();
            return [.. a.Tensors.Select(t => t.Value.grad?.clone() ?? zeros(1))];
        }
        var together = Gradients(null);
        Assert.Contains(b.Tensors, t => t.Value.grad is not null);
        var alone = Gradients(a.Tag);
        Assert.All(b.Tensors, t => Assert.Null(t.Value.grad));
        // The head that acts is the last adapter's: a's own is not read.
        Assert.Contains(alone, grad => grad.abs().max().item<double>() > 1e-6);
        for (var i = 0; i < together.Length; i++) Bits.AssertSame(together[i], alone[i], a.Tensors[i].Name);
    }

    [Fact]
    public void Trees_That_Say_The_Same_Are_Equal_And_Computed_Together()
    {
        AdapterTag[] tags = [new("a"), new("b")];
        AdapterComposition Stacked() => AdapterComposition.StackOf(tags[0].Single, tags[1].Single);
        AdapterComposition Mean(double first) => AdapterComposition.AverageOf((tags[0].Single, first), (tags[1].Single, 1));
        Assert.Equal(Stacked(), Stacked());
        Assert.Equal(Stacked().GetHashCode(), Stacked().GetHashCode());
        Assert.NotEqual(Stacked(), AdapterComposition.StackOf(tags[1].Single, tags[0].Single));
        Assert.Equal(Mean(2), Mean(2));
        Assert.NotEqual(Mean(2), Mean(1));
        Assert.NotEqual(Mean(1), Stacked());
        Assert.Equal(2, AdapterSelection.PerRow([Stacked(), Mean(1), Stacked(), null]).Compositions.Count);
        Assert.Equal("average(a:0.75, b:0.25)", Mean(3).ToString());
        Assert.Equal("stack(a, b)", Stacked().ToString());
    }

    private static PeftMethod Off(Bench bench, string method, string name, ulong seed = 70) =>
        Off(bench, MethodRegistry.Options(method), name, seed);

    private static PeftMethod Off(Bench bench, MethodOptions method, string name, ulong seed)
    {
        var adapter = bench.Add(method, name, seed);
        Bench.Disturb(adapter, seed: seed);
        return adapter;
    }

    private static Tensor Logits(Bench bench, AdapterComposition tree) => bench.Logits(AdapterSelection.Of(tree));

    private static Tensor Hidden(Bench bench, AdapterComposition tree)
    {
        using var scope = NewDisposeScope();
        return bench.Peft.Forward(bench.Batch, AdapterSelection.Of(tree), allTokens: true).Hidden!.MoveToOuterDisposeScope();
    }

    private sealed class Adding(double value) : IBranchPlugin
    {
        public Tensor Transform(Tensor output, BranchState state, ForwardContext context) => output + value;
    }
}
