using System.Text.Json.Nodes;
using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Formats;
using PeftSharp.Generation;
using PeftSharp.Methods;
using PeftSharp.Methods.Additive.Prompt;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using PeftSharp.Sites;
using PeftSharp.Tests.Files;
using PeftSharp.Tests.Generation;
using PeftSharp.Tests.Matrix;
using PeftSharp.Tests.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Methods.Additive;

/// <summary>AdapterHub's prompts that stand behind a sequence's first token (<c>prefix_after_bos</c>).</summary>
public sealed class PromptAfterFirstTests : IDisposable
{
    private static readonly PromptOptions Options = new() { HubStyle = true, AfterFirst = true, Init = "UNIFORM", VirtualTokens = 2 };

    // The vectors are those of two words, so that the same sequence can be spelt.
    private static readonly int[] Words = [40, 41];

    private static readonly int[][] Texts = [[1, 5, 9, 33, 7], [13, 76], [57]];

    private readonly TempFolder _folder = new();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Tokens_Answer_As_If_The_Vectors_Were_Words_Behind_The_First(bool everyRow)
    {
        using var scope = NewDisposeScope();
        using var peft = Spelling();
        var selection = peft.SelectPerRow(["a", everyRow ? "a" : null, "a"]);
        var logits = CacheTests.Run(peft, CacheTests.Batch(peft, Texts), new() { Selection = everyRow ? peft.Select("a") : selection });
        for (var row = 0; row < Texts.Length; row++)
        {
            var (text, inserted) = (Texts[row], everyRow || row != 1);
            var spelt = CacheTests.Run(peft, CacheTests.Batch(peft, [inserted ? Spelt(text) : text]), new());
            for (var place = 0; place < spelt.shape[1]; place++)
                Bits.AssertClose(
                    spelt[0, place], logits[row, Texts[0].Length - text.Length + place], Rounding.Exact, $"Place {place} of row {row}");
        }
    }

    [Fact]
    public void The_Loss_Is_That_Of_The_Spelt_Sequence()
    {
        using var scope = NewDisposeScope();
        using var peft = Spelling();
        using var batch = Labelled(Texts[0], [-100, 5, 9, 33, 7]);
        using var spelt = Labelled(Spelt(Texts[0]), [-100, -100, -100, 5, 9, 33, 7]);
        var loss = peft.Model.Loss(batch, new() { Selection = peft.Select("a") });
        Assert.Equal(4, loss.Weight);
        Bits.AssertClose(peft.Model.Loss(spelt, new()).Mean, loss.Mean, Rounding.Exact, "The loss");
    }

    [Fact]
    public void Packed_Sequences_Learn_What_They_Learn_Apart()
    {
        using var scope = NewDisposeScope();
        using var peft = Spelling();
        var context = new ForwardContext { Selection = peft.Select("a"), Training = true };
        using var apart = PackingTests.Apart();
        using var packed = PackingTests.Packed([[0, 1], [3, 2]]);
        var (expected, actual) = (peft.Model.Loss(apart, context), peft.Model.Loss(packed, context));
        Assert.Equal(expected.Weight, actual.Weight);
        Bits.AssertClose(expected.Mean, actual.Mean, Rounding.Exact, "The loss");
        var gradients = PackingTests.Gradients(peft["a"], expected.Mean);
        foreach (var (name, gradient) in PackingTests.Gradients(peft["a"], actual.Mean))
            Bits.AssertClose(gradients[name], gradient, Rounding.Exact, name);
    }

    [Fact]
    public void Generation_Goes_On_From_The_Cache()
    {
        using var scope = NewDisposeScope();
        using var peft = Spelling();
        var generator = new TokenGenerator(peft);
        var choice = new GenerationOptions { MaxNewTokens = 6, EndIds = [] };
        var kept = generator.Generate(Texts, choice, peft.Select("a"));
        var anew = generator.Generate(Texts, choice with { Cache = false }, peft.Select("a"));
        for (var row = 0; row < Texts.Length; row++)
        {
            Assert.Equal(anew[row].Ids, kept[row].Ids);
            Assert.Equal(generator.Generate([Spelt(Texts[row])], choice)[0].Ids, kept[row].Ids);
        }
    }

    // Layers that look both ways know no order but that of positions, which these vectors have none of.
    [Theory]
    [InlineData(TaskKind.Classification)]
    [InlineData(TaskKind.TokenClassification)]
    public void An_Encoder_Reads_The_Same_And_Pools_Its_First_Token(TaskKind task)
    {
        using var scope = NewDisposeScope();
        using var bench = new Bench("bert", new ModelOptions { Precision = ScalarType.Float64, Task = task, Labels = ["a", "b", "c"] });
        var after = bench.Add(Options);
        var before = bench.Add(Options with { AfterFirst = false }, "second");
        using (no_grad()) before.Tensors[0].Value.copy_(after.Tensors[0].Value);
        var (first, second) = (Read(bench, after), Read(bench, before));
        var tokens = bench.Batch.Tokens;
        for (var token = 0; token < tokens; token++)
            Bits.AssertClose(
                second.Hidden![0, token + 2], first.Hidden![0, token == 0 ? 0 : token + 2], Rounding.Exact, $"Token {token}");
        if (task == TaskKind.TokenClassification) Bits.AssertClose(second.Logits, first.Logits, Rounding.Exact, "The tokens' classes");
        else Assert.True(first.Logits.sub(second.Logits).abs().max().item<double>() > 1e-4, "Both pool the same state.");
    }

    [Fact]
    public void Rows_May_Differ()
    {
        using var scope = NewDisposeScope();
        using var bench = new Bench("bert", new ModelOptions
        {
            Precision = ScalarType.Float64,
            Task = TaskKind.TokenClassification,
            Labels = ["a", "b", "c"],
        });
        var (after, before) = (bench.Add(Options).Tag, bench.Add(Options with { AfterFirst = false }, "second").Tag);
        AdapterTag?[] chosen = [after, null, before, after];
        var mixed = bench.Logits(AdapterSelection.PerRow(chosen));
        for (var row = 0; row < chosen.Length; row++)
        {
            var alone = bench.Logits(chosen[row] is { } tag ? AdapterSelection.Of(tag) : AdapterSelection.None, row);
            var real = TinyModels.LengthOf(row);
            Bits.AssertClose(alone[0].narrow(0, 0, real), mixed[row].narrow(0, 0, real), Rounding.Exact, $"Row {row}");
        }
    }

    [Fact]
    public void The_File_Says_It()
    {
        using var bench = new Bench("bert");
        var adapter = bench.Add(Options);
        AdapterFolder.Save(adapter, _folder.Root);
        var config = JsonNode.Parse(File.ReadAllText(_folder.File("adapter_config.json")))!["config"]!;
        Assert.Equal("prefix_after_bos", config["combine"]!.GetValue<string>());
        using var fresh = new Bench("bert");
        var loaded = AdapterFolder.Open(_folder.Root).LoadInto(fresh.Peft, "first");
        Bits.AssertSame(bench.Logits(adapter), fresh.Logits(loaded), "The output");
    }

    [Fact]
    public void What_Cannot_Be_Is_Refused()
    {
        using var bench = new Bench("bert");
        Refusal.Of(bench, () => bench.Add(Options with { HubStyle = false }), "after_first_token", "adapterhub_style");
        bench.Add(Options);
        bench.Add("prompt", "second");
        var both = Assert.Throws<PeftException>(() => bench.Logits(bench.Peft.Select("first", "second")));
        Assert.Contains("after a sequence's first token", both.Message, StringComparison.Ordinal);
    }

    public void Dispose() => _folder.Dispose();

    private static PeftModel Spelling()
    {
        var peft = CacheTests.Load("llama");
        var adapter = peft.Add(Options, "a", 3);
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        var words = peft.Model.Sites.Embeddings[0].Table.Base;
        adapter.Tensors[0].Value.copy_(words.index_select(0, tensor(Words.Select(word => (long)word).ToArray())));
        return peft;
    }

    private static TokenBatch Labelled(int[] text, long[] labels)
    {
        long[] shape = [1, text.Length];
        return new()
        {
            InputIds = tensor([.. text.Select(id => (long)id)], shape),
            AttentionMask = ones(shape, dtype: ScalarType.Int64),
            Labels = tensor(labels, shape),
            Unpadded = true,
        };
    }

    private static int[] Spelt(int[] text) => [text[0], .. Words, .. text[1..]];

    private static ModelOutput Read(Bench bench, PeftMethod adapter)
    {
        using var guard = no_grad();
        return bench.Peft.Model.Forward(bench.Batch, new() { Selection = AdapterSelection.Of(adapter.Tag), AllTokens = true });
    }
}
