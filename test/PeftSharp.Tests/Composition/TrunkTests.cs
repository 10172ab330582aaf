using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Methods;
using PeftSharp.Methods.Hybrid.Union;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Metrics;
using PeftSharp.Models;
using PeftSharp.Runs;
using PeftSharp.Runs.Trunk;
using PeftSharp.Tests.Matrix;
using PeftSharp.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Composition;

/// <summary>A trunk that was computed once stands in for one that is computed again and again.</summary>
public sealed class TrunkTests
{
    // Products of other shapes round otherwise.
    private static readonly double Tolerance = Rounding.Of(TinyModels.LongestSum),
        SumTolerance = Rounding.Of(TinyModels.LongestGradientSum);

    [Fact]
    public void The_Methods_That_Can_Be_Kept_To_Upper_Layers_Have_A_Trunk()
    {
        var with = MatrixCases.All.Select(row => row.Data).Where(c => c.Item1 == "bert" && Has(c.Item2)).Select(c => c.Item2).ToList();
        foreach (var method in (string[])["head", "lora", "pfeiffer", "houlsby", "parallel", "prefix", "prefix_tuning_flat",
            "prefix-projection", "unipelt", "mam"]) Assert.Contains(method, with);
        Assert.DoesNotContain("full", with);
        Assert.DoesNotContain("bitfit", with);
        Assert.DoesNotContain("prompt", with);

        static bool Has(string method)
        {
            using var bench = TrunkBench.Of("bert", method);
            return bench is not null;
        }
    }

    [Theory]
    [MemberData(nameof(MatrixCases.All), MemberType = typeof(MatrixCases))]
    public void Logits_And_Gradients_Are_Those_Of_The_Trunk_Computed_Again(string architecture, string method)
    {
        using var bench = TrunkBench.Of(architecture, method);
        if (bench is null)
        {
            RefusesToCache(architecture, TinySettings.Of(method));
            return;
        }
        Compare(bench, Tolerance);
    }

    // In float64, where rounding hides nothing.
    [Theory]
    [MemberData(nameof(MatrixCases.All), MemberType = typeof(MatrixCases))]
    public void Rows_May_Stand_Together_Anew(string architecture, string method)
    {
        using var bench = TrunkBench.Of(architecture, method, new ModelOptions { Precision = ScalarType.Float64 });
        if (bench is null) return; // refused, see above
        var cache = bench.Cache()[bench.Data];
        foreach (var rows in Anew)
        {
            Bits.AssertClose(bench.Logits(bench.Data, rows), bench.Logits(cache, rows), Rounding.Exact, "The logits");
            foreach (
                var (again, once) in bench.Gradients(bench.Data, rows, 0, training: false)
                    .Zip(bench.Gradients(cache, rows, 0, training: false)))
                Bits.AssertClose(again.Value, once.Value, Rounding.Exact, again.Name);
        }
    }

    [Theory]
    [InlineData("bert", false)]
    [InlineData("roberta", false)]
    [InlineData("distilbert", false)]
    [InlineData("bert", true)]
    [InlineData("roberta", true)]
    [InlineData("distilbert", true)]
    public void So_They_Are_Where_The_Base_Is_Kept_In_Less_Than_32_Bits(string architecture, bool nf4)
    {
        foreach (var method in (string[])["head", "lora", "houlsby"])
            foreach (var compute in nf4 ? Enum.GetValues<ComputeType>() : [ComputeType.BFloat16])
            {
                using var bench = TrunkBench.Of(
                    architecture, method, new ModelOptions { Compute = compute, Quantize = nf4 ? new Nf4Options() : null });
                // Other shapes round otherwise, and bfloat16 has eight bits.
                Compare(bench!, compute == ComputeType.BFloat16 ? 0.05 : SumTolerance);
            }
    }

    [Fact]
    public void A_Gate_Over_Padding_Finds_The_Padding_It_Would_Have_Read()
    {
        using var bench = new TrunkBench("bert", TrunkBench.Upper(new UnionOptions { GateOverPadding = true }));
        Assert.True(bench.ReadsPadding);
        Compare(bench, Tolerance);
    }

    private static readonly int[][] Anew = [[9, 2, 5], [7], [1, 0, 3, 4, 6, 8]];

    private static void Compare(TrunkBench bench, double tolerance)
    {
        var cache = bench.Cache()[bench.Data];
        var quiet = bench.Plan.LayersWithoutDropout;
        foreach (var rows in TrunkBench.Fours)
        {
            // A gate that reads padding too, to which the trunk's batches were given more.
            var alike = !bench.ReadsPadding || rows.Any(row => bench.Data.Lengths[row] == bench.Data.Lengths.Max());
            Expect(alike, bench.Logits(bench.Data, rows), bench.Logits(cache, rows), "The logits");
            foreach (var checkpointing in (bool[])[false, true])
                foreach (
                    var (again, once) in bench.Gradients(bench.Data, rows, quiet, checkpointing)
                        .Zip(bench.Gradients(cache, rows, 0, checkpointing)))
                    Expect(alike, again.Value, once.Value, again.Name);
        }
        foreach (var rows in Anew)
        {
            Bits.AssertClose(
                bench.Logits(bench.Data, rows), bench.Logits(cache, rows), tolerance, "The logits of rows that stand together anew");
            foreach (var (again, once) in bench.Gradients(bench.Data, rows, quiet).Zip(bench.Gradients(cache, rows, 0)))
                Bits.AssertClose(
                    again.Value, once.Value, Math.Max(tolerance, SumTolerance), $"{again.Name} of rows that stand together anew");
        }

        void Expect(bool same, Tensor again, Tensor once, string what)
        {
            if (same) Bits.AssertSame(again, once, what);
            else Bits.AssertClose(again, once, tolerance, what);
        }
    }

    [Theory]
    [MemberData(nameof(MatrixCases.All), MemberType = typeof(MatrixCases))]
    public void A_Run_Ends_At_The_Same_Weights_And_Scores(string architecture, string method)
    {
        using TrunkBench? again = TrunkBench.Of(architecture, method), once = TrunkBench.Of(architecture, method);
        if (again is null) return; // refused
        const int tokensPerPass = 20; // splits batches of four rows
        var (weights, scores) = Train(again, again.Data, again.Data, again.Plan.LayersWithoutDropout, tokensPerPass);
        var cache = once!.Cache(tokensPerPass)[once.Data];
        using var scoring = TrunkCache.Build(once.Plan); // as the evaluator's batches are composed
        if (method == "surgical-block")
        {
            // It measures gradients of every layer before the first step.
            var refused = Assert.Throws<PeftException>(() => Train(once, cache, scoring[once.Data], 0, tokensPerPass));
            Assert.Contains("leave cache_trunk out", refused.Message);
            return;
        }
        var (cached, cachedScores) = Train(once, cache, scoring[once.Data], 0, tokensPerPass);
        Bits.AssertSame(weights, cached);
        Assert.Equal(scores, cachedScores);
    }

    private static (IReadOnlyList<(string, Tensor)> Weights, IReadOnlyList<double> Scores) Train(
        TrunkBench bench, IRowBatches rows, IRowBatches scored, int quiet, int tokensPerPass)
    {
        var model = new TrainableAdapter(bench.Model, bench.Adapter, new ForwardOptions { LayersWithoutDropout = quiet });
        var batches = new PlannedBatches(rows, new BatchPlan(bench.Data.Lengths, 4, BatchOrder.Sequential, 1));
        var evaluator = new Evaluator(bench.Model, bench.Selection, bench.Data, MetricSet.Classification(3)) { Source = scored };
        using var trainer = new Trainer(
            model, batches, new TrainerOptions { Epochs = 3, TokensPerPass = tokensPerPass, Accumulation = 2, LearningRate = 0.01 },
            evaluator);
        var result = trainer.Run();
        return ([.. bench.Adapter.Tensors.Select(t => (t.Name, t.Value))], [result.Loss, .. result.Evaluation!.Values.Values]);
    }

    [Fact]
    public void Dropout_Is_Off_In_The_Quiet_Layers_Alone()
    {
        using var bench = TrunkBench.Of("bert", "lora")!;
        var rows = TrunkBench.Fours[0];
        Tensor Loss(int quiet) => bench.Gradients(bench.Data, rows, quiet)[0].Value;
        Bits.AssertDiffers(Loss(0), Loss(1), "Dropout below the trunk's end");
        Bits.AssertDiffers(Loss(1), Loss(2), "Dropout above the trunk's end");
    }

    [Fact]
    public void A_Trunk_Ends_Below_What_Is_Lowest()
    {
        Depth("head", 3, "bert");                                               // through the frozen pooler
        Depth("head", 2, "roberta");                                            // its dense layer is trained
        Depth("lora", 1, "bert");
        using (var all = new TrunkBench("bert", new LoraOptions { TargetModules = new(["pooler.dense"]) }))
            Assert.Equal((2, 2, false), (all.Plan.Depth, all.Plan.LayersWithoutDropout, all.Plan.ThroughPooler));

        static void Depth(string method, int depth, string architecture)
        {
            using var bench = TrunkBench.Of(architecture, method)!;
            Assert.Equal(
                (depth, Math.Min(depth, 2), 2, depth > 2),
                (bench.Plan.Depth, bench.Plan.LayersWithoutDropout, bench.Plan.Layers, bench.Plan.ThroughPooler));
        }
    }

    [Fact]
    public void Whoever_Acts_Lowest_Is_Named()
    {
        RefusesToCache(
            "bert", MethodRegistry.Options("lora"), "the linear map bert.encoder.layer.0.attention.self.query, in the first layer");
        RefusesToCache(
            "bert", MethodRegistry.Options("houlsby"), "the residual branch bert.encoder.layer.0.attention.output, in the first layer");
        RefusesToCache(
            "distilbert", MethodRegistry.Options("prefix"), "the attention distilbert.transformer.layer.0.attention, in the first layer");
        RefusesToCache("bert", MethodRegistry.Options("bitfit"), "the tensor bert.embeddings.LayerNorm.bias, before the first layer");
        RefusesToCache("roberta", MethodRegistry.Options("prompt"), "the input of roberta.embeddings, before the first layer");
        RefusesToCache(
            "bert", new LoraOptions { TargetModules = new(["word_embeddings"]) },
            "the embedding bert.embeddings.word_embeddings, before the first layer");
    }

    private static void RefusesToCache(string architecture, MethodOptions options, string where = " acts at ")
    {
        using var bench = new TrunkBench(architecture, options);
        if (!bench.Model.Model.RunsInParts) where = "do not run in parts";
        Refusal.Sentence(() => _ = bench.Plan, "no trunk to cache", where);
    }
}
