using PeftSharp.Composition;
using PeftSharp.Sites;
using PeftSharp.Tests.Matrix;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Composition;

/// <summary>Compositions as text: what they say, what they refuse, and that they read back.</summary>
public sealed class AdapterExpressionTests
{
    [Theory]
    [InlineData("a", "a")]
    [InlineData("stack(a,b)", "stack(a,b)")]
    [InlineData(" Stack ( a , b ) ", "stack(a,b)")]
    [InlineData("average(a,b)", "average(a:1,b:1)")]
    [InlineData("average(a:0.3, b: 7e-1)", "average(a:0.3,b:0.7)")]
    [InlineData("average(stack(a,b):-1,c:2)", "average(stack(a,b):-1,c:2)")]
    [InlineData("fuse(stack(x,a),b)", "fuse(stack(x,a),b)")]
    [InlineData("fuse[runs/f](a,b)", "fuse[runs/f](a,b)")]
    [InlineData("split(a:12,b:3,c)", "split(a:12,b:3,c)")]
    [InlineData("stack(runs/a-1, C:\\runs\\b)", "stack(runs/a-1,C:\\runs\\b)")]
    [InlineData("average(C:\\runs\\b:0.5,\"odd, (name)\":1)", "average(C:\\runs\\b:0.5,\"odd, (name)\":1)")]
    [InlineData("stack(\"say \"\"a\"\"\",b)", "stack(\"say \"\"a\"\"\",b)")]
    [InlineData("stack(\"a:3\",b)", "stack(\"a:3\",b)")]
    public void Expressions_Read_Back(string text, string canonical)
    {
        var read = AdapterExpression.Parse(text);
        Assert.Equal(canonical, read.ToString());
        Assert.Equal(canonical, AdapterExpression.Parse(read.ToString()).ToString());
    }

    [Theory]
    [InlineData("stackable")]
    [InlineData("runs (old)/a")]
    [InlineData("fusea(b,c)")]
    [InlineData("a,b")]
    public void Other_Texts_Are_Names(string text) => Assert.Equal([text], AdapterExpression.Parse(text).Names);

    [Fact]
    public void Names_Are_Listed_Once()
    {
        var read = AdapterExpression.Parse("stack(a,average(b,a),fuse[f](c,stack(b,d)))");
        Assert.Equal(["a", "b", "c", "d"], read.Names);
        Assert.Equal(["f"], read.FusionNames);
    }

    [Theory]
    [InlineData("stack(", "name")]
    [InlineData("stack()", "name")]
    [InlineData("stack(a", "\")\"")]
    [InlineData("stack(a,)", "name")]
    [InlineData("stack(a)b", "the end")]
    [InlineData("stack(a:2,b)", "no weights")]
    [InlineData("average(a:1,b)", "for each part or for none")]
    [InlineData("average(a:x,b:1)", "weight")]
    [InlineData("average(a:NaN,b:1)", "finite")]
    [InlineData("split(a,b)", "number of tokens")]
    [InlineData("split(a:3,b:4)", "number of tokens")]
    [InlineData("split(a:1.5,b)", "whole")]
    [InlineData("split(a:0,b)", "whole")]
    [InlineData("stack(\"a", "quote")]
    [InlineData("stack(\"\",b)", "quotes")]
    [InlineData("fuse[](a,b)", "name of a fusion")]
    [InlineData("fuse[f(a,b)", "\"]\"")]
    [InlineData("stack(a b(c),d)", "\")\"")]
    public void Bad_Expressions_Are_One_Sentence(string text, string said)
    {
        if (said == "weight") Assert.Equal(["a:x", "b"], AdapterExpression.Parse(text.Replace(":1", "")).Names);
        else Refusal.Sentence(() => AdapterExpression.Parse(text), said);
    }

    [Fact]
    public void Size_And_Depth_Are_Bounded()
    {
        Refusal.Sentence(() => AdapterExpression.Parse(string.Concat(Enumerable.Repeat("stack(", 100_000))), "characters");
        Refusal.Sentence(() => AdapterExpression.Parse(string.Concat(Enumerable.Repeat("stack(", 50)) + "a" + new string(')', 50)), "deep");
        Refusal.Sentence(() => AdapterExpression.Parse($"stack({string.Join(",", Enumerable.Repeat("a", 300))})"), "more than 256");
    }

    [Fact]
    public void A_Model_Understands_Expressions()
    {
        using var bench = new Bench("bert", ScalarType.Float64);
        var (a, b, c) = (Off(bench, "lora", "a", 70), Off(bench, "pfeiffer", "b", 80), Off(bench, "pfeiffer", "c", 90));
        var fusion = bench.Peft.AddFusion(["b", "c"]);
        Bench.Disturb(fusion);
        void Same(string expression, AdapterComposition tree) =>
            Bits.AssertSame(bench.Logits(AdapterSelection.Of(tree)), bench.Logits(bench.Peft.Select(expression)), expression);
        Same("a", a.Tag.Single);
        Same("stack(a,b)", AdapterComposition.StackOf(a.Tag.Single, b.Tag.Single));
        Same("average(b:0.3,c:0.7)", AdapterComposition.AverageOf((b.Tag.Single, 0.3), (c.Tag.Single, 0.7)));
        Same("fuse(b,c)", fusion.Tag.Acts);
        Same("b,c", fusion.Tag.Acts);
        Same("fuse[b,c](b,c)".Replace("[b,c]", "[\"b,c\"]"), fusion.Tag.Acts);
        Same("split(b:2,c)", AdapterComposition.SplitOf((b.Tag.Single, 2), (c.Tag.Single, 0)));
        Assert.Equal(bench.Peft.Select("stack(a,b)").ToString(), bench.Peft.Select("a", "b").ToString());
        var mixed = bench.Logits(bench.Peft.SelectPerRow(["stack(a,b)", null, "fuse(b,c)", "a"]));
        Bits.AssertClose(bench.Logits(bench.Peft.Select("fuse(b,c)"), 2), mixed.narrow(0, 2, 1), Rounding.Exact, "A row");
        Refusal.Of(bench, () => bench.Peft.Select("stack(a,d)"), "\"d\"");
        Refusal.Of(bench, () => bench.Peft.Select("fuse(c,b)"), "no fusion of c,b");
        Refusal.Of(bench, () => bench.Peft.Select("fuse(average(b,c),b)"), "fuses adapters and stacks");
        Refusal.Of(bench, () => bench.Peft.Select("split(a:2,b)"), "residual branches");
        Off(bench, "prefix", "p", 60);
        Refusal.Of(bench, () => bench.Peft.Select("average(p,b)"), "mean");
        Refusal.Of(bench, () => bench.Peft.Select("average(a:1,b:-1)"), "add up to 0");
        bench.Peft.Rename("b", "renamed");
        Same("fuse(renamed,c)", fusion.Tag.Acts);
        bench.Peft.Merge("a");
        Refusal.Of(bench, () => bench.Peft.Select("stack(a,c)"), "merged");
    }

    [Theory]
    [InlineData("bert")]
    [InlineData("gpt2")]
    [InlineData("llama")]
    public void A_Merged_Composition_Answers_As_It_Did_And_Goes_Without_A_Trace(string architecture)
    {
        using var bench = new Bench(architecture, ScalarType.Float64);
        foreach (
            var (method, name, seed) in (
                IEnumerable<(string, string, ulong)>)[("lora", "a", 70), ("vera", "b", 80), ("bitfit", "c", 90), ("full", "d", 60),
                ("ia3", "e", 50), ("ia3", "e2", 40)])
            Off(bench, method, name, seed);
        var plain = bench.Logits(AdapterSelection.None);
        foreach (var expression in (string[])["stack(a,b)", "average(a:0.3,b:0.7)", "stack(c,average(a:1,stack(b,c):3))", "average(a,d)",
            "stack(e,a)", "stack(a,average(c,d:2,b:1))".Replace("c,", "c:1,")])
        {
            var expected = bench.Logits(bench.Peft.Select(expression));
            bench.Peft.Merge(expression);
            Bits.AssertClose(expected, bench.Logits(AdapterSelection.None), Rounding.Exact, expression);
            Bits.AssertDiffers(plain, expected, expression);
            bench.Peft.Unmerge();
            Bits.AssertSame(plain, bench.Logits(AdapterSelection.None), "The base");
        }
        Refusal.Of(bench, () => bench.Peft.Merge("average(e,e2)"), "multiplies");
        Off(bench, "pfeiffer", "f", 60);
        Refusal.Of(bench, () => bench.Peft.Merge("stack(a,f)"), "not a change of weights");
        bench.Peft.Merge("stack(a,b)");
        Refusal.Of(bench, () => bench.Peft.Merge("c"), "merged already");
        bench.Peft.Remove("b");
        Assert.Null(bench.Peft.Merged);
    }

    [Theory]
    [InlineData("bert")]
    [InlineData("gpt2")]
    public void Compositions_Run_Side_By_Side_On_The_Same_Rows(string architecture)
    {
        using var bench = new Bench(architecture, ScalarType.Float64);
        Off(bench, "lora", "a", 70);
        Off(bench, "pfeiffer", "b", 80);
        var five = bench.Peft.Add(PeftSharp.Methods.MethodRegistry.Options("lora"), "five", outputs: 5);
        Bench.Disturb(five);
        AdapterComposition?[] trees =
            [bench.Peft.Compose("stack(a,b)"), null, bench.Peft.Compose("five"), bench.Peft.Compose("average(a,b)")];
        var each = bench.Peft.ForwardParallel(bench.Batch, trees);
        Assert.Equal([3, 3, 5, 3], each.Select(logits => logits.shape[^1]));
        for (var i = 0; i < trees.Length; i++)
            Bits.AssertClose(
                bench.Logits(trees[i] is { } tree ? AdapterSelection.Of(tree) : AdapterSelection.None), each[i], Rounding.Exact,
                $"{trees[i]}");
    }

    private static PeftSharp.Methods.PeftMethod Off(Bench bench, string method, string name, ulong seed)
    {
        var adapter = bench.Add(method, name, seed);
        Bench.Disturb(adapter, seed: seed);
        return adapter;
    }
}
