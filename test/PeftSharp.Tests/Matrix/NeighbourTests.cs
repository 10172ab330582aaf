using PeftSharp.Methods;
using PeftSharp.Methods.Additive.Prompt;
using PeftSharp.Methods.Hybrid.Union;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Matrix;

/// <summary>
/// Law 11: a row's output depends on its own tokens alone: not on the rows beside it, on padding, on order, nor on what its text spells.
/// </summary>
public sealed class NeighbourTests
{
    private static readonly int[][] Companies = [[0, 1, 2, 3], [3, 2, 1, 0], [2, 1], [2, 2, 3]];

    [Theory]
    [MemberData(nameof(MatrixCases.All), MemberType = typeof(MatrixCases))]
    public void A_Row_Answers_As_It_Does_Alone(string architecture, string method) =>
        Holds(architecture, new ModelOptions(), TinySettings.Of(method));

    [Theory]
    [InlineData("bert")]
    [InlineData("roberta")]
    [InlineData("distilbert")]
    [InlineData("electra")]
    [InlineData("albert")]
    [InlineData("mpnet")]
    [InlineData("deberta-v2")]
    public void So_It_Does_With_Every_Head_And_Pooling(string architecture)
    {
        ModelOptions[] heads =
        [
            new() { Pooling = Pooling.Mean },
            new() { Pooling = Pooling.Cls },
            new() { Task = TaskKind.Regression, Pooling = Pooling.Mean },
            new() { Task = TaskKind.MultiLabel, Pooling = Pooling.Mean },
            new() { Task = TaskKind.TokenClassification },
            new() { Task = TaskKind.QuestionAnswering },
            new() { Task = TaskKind.Embedding, Pooling = Pooling.Mean },
        ];
        foreach (var head in heads)
            foreach (var method in (string[])["unipelt", "mam", "prompt", "prefix", "lora"])
                Holds(architecture, head, TinySettings.Of(method));
    }

    [Fact]
    public void So_It_Does_With_Gates_At_Unusual_Places()
    {
        Holds("bert", new ModelOptions(), new LoraOptions { UseGating = true, TargetModules = new(["pooler.dense", "output.dense"]) });
        Holds(
            "bert", new ModelOptions { Pooling = Pooling.Mean },
            new UnionOptions { Parts = [new PromptOptions { VirtualTokens = 3 }, .. new UnionOptions().Parts] });
    }

    // AdapterHub's own way stays within reach, and is what it is.
    [Fact]
    public void Gates_Over_Padding_Depend_On_It()
    {
        using var bench = new Bench("bert", ScalarType.Float64);
        var adapter = bench.Add(new UnionOptions { GateOverPadding = true });
        Bench.Disturb(adapter);
        Bits.AssertDiffers(
            bench.Logits(TinyModels.Rows([2], 4), Selection(adapter)), bench.Logits(TinyModels.Rows([2], 9), Selection(adapter)),
            "Padding");
        Assert.True(adapter.Tag.NeedsPadding);
    }

    [Fact]
    public void Rows_That_Choose_Their_Own_Adapters_Need_Positions_For_Themselves_Alone()
    {
        // 41 positions: the prefix leaves no room for nine tokens of padding, but its own row is short.
        foreach (var options in (MethodOptions[])[MethodRegistry.Options("prefix"), MethodRegistry.Options("prompt")])
        {
            using var bench = new Bench("bert", ScalarType.Float64);
            Bench.Disturb(bench.Add(options, "long"));
            var selection = bench.Peft.SelectPerRow(["long", null]);
            var both = bench.Logits(TinyModels.Rows([2, 0], 25), selection);
            Bits.AssertClose(
                bench.Logits(TinyModels.Rows([2], 4), bench.Peft.Select("long")), both.narrow(0, 0, 1), Rounding.Exact,
                "The row with virtual tokens");
            Bits.AssertClose(
                bench.Logits(TinyModels.Rows([0], 9), AdapterSelection.None), both.narrow(0, 1, 1), Rounding.Exact, "The row without");
        }
    }

    private static AdapterSelection Selection(PeftMethod adapter) => AdapterSelection.Of(adapter.Tag);

    private static void Holds(string architecture, ModelOptions model, MethodOptions options)
    {
        using var scope = NewDisposeScope();
        using var bench = new Bench(architecture, model with { Precision = ScalarType.Float64 });
        var adapter = bench.Add(options);
        Bench.Disturb(adapter);
        var selection = Selection(adapter);
        foreach (var spelling in (bool[])[false, true])
        {
            var alone = Enumerable.Range(0, 4)
                .Select(row => bench.Logits(TinyModels.Rows([row], TinyModels.LengthOf(row), spelling, bench.Task), selection))
                .ToArray();
            foreach (var company in Companies)
                foreach (var more in (int[])[0, 5])
                {
                    var together =
                        bench.Logits(TinyModels.Rows(company, company.Max(TinyModels.LengthOf) + more, spelling, bench.Task), selection);
                    for (var i = 0; i < company.Length; i++)
                        Bits.AssertClose(
                            alone[company[i]], Own(together.narrow(0, i, 1), company[i], bench), Rounding.Exact,
                            $"Row {company[i]} of [{string.Join(", ", company)}], {more} more of padding");
                }
        }
    }

    // What stands at padding is no answer.
    private static Tensor Own(Tensor logits, int row, Bench bench) =>
        bench.Peft.Model.Head.AnswersEachToken ? logits.narrow(1, 0, TinyModels.LengthOf(row)) : logits;
}
