using PeftSharp.Methods;
using PeftSharp.Methods.Additive.Bottleneck;
using PeftSharp.Sites;
using PeftSharp.Tests.Matrix;

namespace PeftSharp.Tests.Sites;

/// <summary>Compositions that make no sense: one sentence, and the model answers as before.</summary>
public sealed class CompositionRefusalTests
{
    private static readonly AdapterTag A = new("a"), B = new("b");

    [Theory]
    [InlineData(double.NaN, "NaN")]
    [InlineData(double.PositiveInfinity, "finite")]
    [InlineData(-1, "add up to 0")]
    [InlineData(-2, "add up to -1")]
    public void Weights_Make_Sense(double weight, string said)
    {
        Refusal.Sentence(() => AdapterComposition.AverageOf((A.Single, 1), (B.Single, weight)), said);
    }

    [Fact]
    public void What_Is_Merged_Is_Not_Taken_For_What_Another_Adapter_Does()
    {
        using var bench = new Bench("bert");
        foreach (var (method, name) in ((string, string)[])[("pfeiffer", "a"), ("pfeiffer", "b"), ("lora", "c")]) bench.Add(method, name);
        bench.Peft.Merge("c");
        bench.Peft.AddFusion(["a", "b"]);
        Assert.Equal("fuse(a, b)", $"{bench.Peft.Compose("fuse(a,b)")}");
        Assert.Equal(2, bench.Peft.Compose("split(a:3,b)").Adapters.Count());
        Refusal.Sentence(() => bench.Peft.Compose("split(a:3,c)"), "reaches residual branches alone");
    }

    [Fact]
    public void Trees_Are_Bounded()
    {
        AdapterComposition tree = A.Single;
        for (var depth = 2; depth <= AdapterComposition.MostDepth; depth++) tree = AdapterComposition.AverageOf((tree, 1), (B.Single, 1));
        Refusal.Sentence(() => AdapterComposition.AverageOf((tree, 1), (B.Single, 1)));
        Refusal.Sentence(() => AdapterComposition.StackOf([.. Enumerable.Repeat(A.Single, AdapterComposition.MostAdapters + 1)]));
        Refusal.Sentence(() => AdapterComposition.StackOf());
        Refusal.Sentence(() => AdapterComposition.AverageOf());
        Refusal.Sentence(() => AdapterComposition.SplitOf());
        Refusal.Sentence(() => AdapterComposition.SplitOf((A.Single, 0), (B.Single, 1)));
        Refusal.Sentence(() => AdapterComposition.FuseOf(B, A.Single));
        var mean = AdapterComposition.AverageOf((A.Single, 1), (B.Single, 1));
        Refusal.Sentence(() => AdapterComposition.FuseOf(B, A.Single, mean));
    }

    [Theory]
    [InlineData("bert", "prefix")]
    [InlineData("gpt2", "prompt")]
    [InlineData("llama", "unipelt")]
    public void Prompts_And_Prefixes_Have_No_Mean(string architecture, string method)
    {
        using var bench = new Bench(architecture);
        var (a, b) = (bench.Add(method, "a"), bench.Add("lora", "b"));
        var before = bench.Logits(AdapterSelection.Of(a.Tag, b.Tag));
        Refused(bench, AdapterComposition.AverageOf((a.Tag.Single, 1), (b.Tag.Single, 1)), "mean");
        Bits.AssertSame(before, bench.Logits(AdapterSelection.Of(a.Tag, b.Tag)), "The model after a refusal");
    }

    [Theory]
    [InlineData("lora")]
    [InlineData("prefix")]
    [InlineData("prompt")]
    [InlineData("unipelt")]
    public void A_Split_Reaches_Residual_Branches_Alone(string method)
    {
        using var bench = new Bench("bert");
        var (a, b) = (bench.Add(method, "a"), bench.Add("bottleneck", "b"));
        Refused(bench, AdapterComposition.SplitOf((a.Tag.Single, 2), (b.Tag.Single, 2)), "residual branches");
        Refused(
            bench, AdapterComposition.StackOf(b.Tag.Single, AdapterComposition.SplitOf((a.Tag.Single, 2), (b.Tag.Single, 2))),
            "residual branches");
    }

    [Fact]
    public void Adapters_That_Replace_The_Norm_Do_Not_Mix_With_Others()
    {
        using var bench = new Bench("bert");
        var (a, b) = (bench.Add(new BottleneckOptions { OriginalNormAfter = false }, "a"), bench.Add("bottleneck", "b"));
        Refused(bench, AdapterComposition.AverageOf((a.Tag.Single, 1), (b.Tag.Single, 1)), "original_ln_after");
        // In a stack the last decides.
        bench.Logits(AdapterSelection.Of(a.Tag, b.Tag));
    }

    [Fact]
    public void Heads_Of_Unlike_Widths_Have_No_Mean()
    {
        using var bench = new Bench("bert");
        var (a, b) = (bench.Peft.Add(MethodRegistry.Options("lora"), "a", outputs: 5), bench.Add("lora", "b"));
        Refusal.Sentence(() => AdapterComposition.AverageOf((a.Tag.Single, 1), (b.Tag.Single, 1)), "5");
    }

    private static void Refused(Bench bench, AdapterComposition tree, string said)
    {
        foreach (var selection in (AdapterSelection[])[AdapterSelection.Of(tree), AdapterSelection.PerRow([tree, null, null, null])])
        {
            Refusal.Sentence(() => bench.Logits(selection), said);
        }
    }
}
