using PeftSharp.Methods;
using PeftSharp.Methods.Additive.Bottleneck;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Sites;
using PeftSharp.Tests.Matrix;
using PeftSharp.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Sites;

/// <summary>Adapters of one kind are computed at once for the rows of a mixed batch, and each row gets what it gets alone.</summary>
public sealed class JoinedRowsTests
{
    private static readonly int[] Texts = [0, 1, 2, 3, 3, 2, 1, 0, 1, 3];

    /// <summary>Adapters that differ in everything that may differ.</summary>
    private static readonly Dictionary<string, MethodOptions[]> Mixtures = new()
    {
        ["lora of unequal ranks and scales"] =
            [new LoraOptions { Rank = 2 }, new LoraOptions { Rank = 5, Alpha = 3 }, new LoraOptions { Rank = 3, UseRsLora = true }],
        ["lora everywhere"] = [All(2, 7), All(4, 5), All(4, 5)],
        ["lora with biases"] = [All(2, 7) with { LoraBias = true }, All(3, 7) with { LoraBias = true }, All(3, 7)],
        ["lora with a gate, dropout and magnitudes"] =
            [new LoraOptions { UseGating = true }, new LoraOptions { Dropout = 0.5 }, new LoraOptions { UseDora = true }],
        ["bottlenecks of unequal sizes"] = [Neck(3), Neck(8), Neck(5) with { Dropout = 0.3 }],
        ["bottlenecks at two places"] =
            [Neck(3) with { AfterAttention = true, OriginalNormBefore = false }, Neck(4), Neck(6) with { AfterAttention = true }],
        ["parallel bottlenecks"] =
            [Parallel("learned"), Parallel("learned"), Parallel("2.5"), Parallel("2.5"), Parallel("channel"), Parallel("channel")],
        ["bottlenecks that train norms"] = [Neck(3) with { TrainNorms = true }, Neck(3) with { TrainNorms = true }, Neck(3)],
        ["bottlenecks with places for residuals"] =
            [Neck(3) with { ResidualBeforeNorm = "false" }, Neck(4) with { ResidualBeforeNorm = "false" }, Late(3), Late(5)],
        ["bottlenecks that end a branch"] =
            [Neck(3) with { OriginalNormAfter = false }, Neck(4) with { OriginalNormAfter = false }, Neck(4)],
        ["bottlenecks with norms and gates"] =
            [Neck(3) with { NormBefore = true }, Neck(4) with { NormAfter = true }, Neck(4) with { UseGating = true }],
        ["bottlenecks with slopes of their own"] =
            [Neck(3) with { NonLinearity = "prelu" }, Neck(5) with { NonLinearity = "PReLU" }, Neck(4)],
        ["both kinds"] = [new LoraOptions { Rank = 2 }, Neck(4), new LoraOptions { Rank = 3 }, Neck(3)],
    };

    public static TheoryData<string, string> Cases
    {
        get
        {
            var data = new TheoryData<string, string>();
            foreach (var architecture in (string[])["bert", "gpt2", "llama"])
                foreach (var mixture in Mixtures.Keys)
                    data.Add(architecture, mixture);
            return data;
        }
    }

    private static LoraOptions All(int rank, double alpha) => new() { Rank = rank, Alpha = alpha, TargetModules = new("all-linear") };

    private static BottleneckOptions Neck(int size) => new() { Size = size, NonLinearity = "gelu" };

    private static BottleneckOptions Late(int size) => Neck(size) with { ResidualBeforeNorm = "post_add" };

    private static BottleneckOptions Parallel(string scaling) =>
        Neck(4) with { IsParallel = true, OriginalNormBefore = false, Scaling = scaling };

    [Theory]
    [MemberData(nameof(Cases))]
    public void Rows_And_Gradients_Are_Those_Of_The_Rows_Alone(string architecture, string mixture)
    {
        using var bench = new Bench(architecture, ScalarType.Float64);
        var adapters = Add(bench, mixture);
        foreach (var free in (bool[])[true, false])
        {
            AdapterTag?[] rows = [.. Texts.Select((_, i) => free && i % 4 == 2 ? null : adapters[i % adapters.Length].Tag)];
            var mixed = Logits(bench, Texts, AdapterSelection.PerRow(rows));
            var found = Gradients(adapters, mixed);
            var choices = rows.Select(tag => tag is null ? AdapterSelection.None : AdapterSelection.Of(tag)).ToArray();
            var alone = Texts.Select((text, i) => Logits(bench, [text], choices[i])).ToArray();
            var expected = Gradients(adapters, cat(alone));
            Bits.AssertClose(cat(alone), mixed, Rounding.Exact, mixture);
            for (var i = 0; i < found.Length; i++) Bits.AssertClose(expected[i], found[i], Rounding.Exact, $"Gradient {i} of {mixture}");
        }
    }

    [Fact]
    public void Dropout_In_Training_Is_Drawn_For_The_Rows_Of_Each_Adapter()
    {
        using var bench = new Bench("bert");
        PeftMethod[] adapters =
        [
            bench.Add(All(2, 7) with { Dropout = 0.5 }, "0"), bench.Add(All(2, 7) with { Dropout = 0.5 }, "1"),
            bench.Add(Neck(4) with { Dropout = 0.5 }, "2"), bench.Add(Neck(4) with { Dropout = 0.5 }, "3"),
        ];
        foreach (var adapter in adapters) Bench.Disturb(adapter);
        var mixed = Hidden(bench, Texts, AdapterSelection.PerRow([.. Texts.Select((_, i) => adapters[i % 4].Tag)]));
        for (var i = 0; i < 4; i++)
        {
            int[] rows = [.. Enumerable.Range(0, Texts.Length).Where(row => row % 4 == i)];
            var alone = Hidden(bench, [.. rows.Select(row => Texts[row])], AdapterSelection.Of(adapters[i].Tag));
            var found = mixed.index_select(0, tensor(rows.Select(row => (long)row).ToArray()));
            Bits.AssertClose(alone, found, Rounding.Of(TinyModels.LongestSum), $"Rows of adapter {i}");
        }
    }

    [Fact]
    public void Adapters_Of_One_Kind_Are_Computed_Once_For_All_Their_Rows()
    {
        using var bench = new Bench("bert", ScalarType.Float64);
        var site = bench.Sites.Projections.First(p => p.Role == ProjectionRole.Query);
        var calls = new List<int>();
        AdapterTag[] tags = [.. Enumerable.Range(0, 5).Select(i => new AdapterTag($"{i}"))];
        foreach (var tag in tags) site.Plugins.Add(tag, new Counting(calls));
        bench.Logits(TinyModels.Rows(Texts, 9), AdapterSelection.PerRow([.. Texts.Select((_, i) => i == 3 ? null : tags[i % 5])]));
        Assert.Equal([9], calls);
        calls.Clear();
        bench.Logits(TinyModels.Rows(Texts, 9), AdapterSelection.Of(tags[0]));
        Assert.Equal([-10], calls);
        calls.Clear();
        int[] many = [.. Enumerable.Range(0, 34).Select(i => Texts[i % Texts.Length])];
        bench.Logits(TinyModels.Rows(many, 9), AdapterSelection.PerRow([.. many.Select((_, i) => tags[i % 2])]));
        Assert.Equal([-17, -17], calls); // few adapters, many rows of each
    }

    [Fact]
    public void What_Was_Trained_Since_Or_Removed_Leaves_No_Trace()
    {
        using var bench = new Bench("bert", ScalarType.Float64);
        var adapters = Add(bench, "both kinds");
        AdapterSelection Mixed(int count) => AdapterSelection.PerRow([.. Texts.Select((_, i) => adapters[i % count].Tag)]);
        using var batch = TinyModels.Rows(Texts, 9);
        var before = bench.Logits(batch, Mixed(4));
        Bench.Disturb(adapters[0], seed: 900);
        var after = bench.Logits(batch, Mixed(4));
        for (var row = 0; row < Texts.Length; row++)
        {
            if (row % 4 == 0) Bits.AssertDiffers(before.narrow(0, row, 1), after.narrow(0, row, 1), $"Training the adapter of row {row}");
            else Bits.AssertClose(before.narrow(0, row, 1), after.narrow(0, row, 1), Rounding.Exact, $"Row {row}");
        }
        var tensors = adapters[3].Tensors.Select(t => t.Value).ToArray();
        bench.Peft.Remove(adapters[3].Name);
        Assert.All(tensors, tensor => Assert.True(tensor.IsInvalid));
        Assert.Throws<PeftException>(() => bench.Logits(batch, Mixed(4)));
    }

    private static PeftMethod[] Add(Bench bench, string mixture)
    {
        PeftMethod[] adapters = [.. Mixtures[mixture].Select((options, i) => bench.Add(options, $"{i}", 20 + (ulong)i))];
        for (var i = 0; i < adapters.Length; i++) Bench.Disturb(adapters[i], seed: 70 + 100 * (ulong)i);
        return adapters;
    }

    private static Tensor Logits(Bench bench, int[] texts, AdapterSelection selection) =>
        bench.Peft.Model.Forward(TinyModels.Rows(texts, 9), new ForwardContext { Selection = selection, AllTokens = true }).Logits;

    private static Tensor Hidden(Bench bench, int[] texts, AdapterSelection selection)
    {
        var context = new ForwardContext { Selection = selection, Training = true, BaseDropout = false, Seed = 5, AllTokens = true };
        return bench.Peft.Model.Forward(TinyModels.Rows(texts, 9), context).Hidden!;
    }

    private static Tensor[] Gradients(PeftMethod[] adapters, Tensor logits)
    {
        logits.square().sum().Backpropagate();
        Tensor[] gradients = [.. adapters.SelectMany(a => a.Tensors).Select(t => t.Value.grad?.clone() ?? zeros_like(t.Value))];
        foreach (var tensor in adapters.SelectMany(a => a.Tensors)) tensor.Value.grad?.zero_();
        return gradients;
    }

    private sealed class Counting(List<int> calls) : IJoinableDelta
    {
        public object? JoinKey(ForwardContext context) => "counted";

        public Tensor Delta(Tensor x, JoinedRows rows)
        {
            calls.Add(rows.Count);
            return x.clone();
        }

        public Tensor Delta(Tensor x, Tensor wx, WeightStore weight, ForwardContext context)
        {
            calls.Add(-(int)x.shape[0]);
            return x.clone();
        }
    }
}
