using System.Text.Json;
using PeftSharp.Data;
using PeftSharp.Files;
using PeftSharp.Formats;
using PeftSharp.Methods;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Methods.Reparameterized.Lora.Start;
using PeftSharp.Models;
using PeftSharp.Runs;
using PeftSharp.Sites;
using PeftSharp.Tests.Files;
using PeftSharp.Tests.Matrix;
using PeftSharp.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Methods;

/// <summary>Factors that begin as a share of the weight, or from data: what they begin with, and every law with them.</summary>
public sealed class LoraStartTests
{
    public static TheoryData<string> Shares => ["pissa", "pissa_niter_4", "olora"];

    public static TheoryData<string> All => ["pissa", "pissa_niter_4", "olora", "loftq", "loftq-3", "eva", "lora_ga"];

    private static LoraOptions Options(string start) => new()
    {
        Rank = 4,
        Alpha = 6,
        InitLoraWeights = JsonSerializer.SerializeToElement(start.Split('-')[0]),
        LoftqConfig = JsonSerializer.SerializeToElement(new LoftqOptions { Rounds = start.Contains('-') ? 3 : 1, BlockSize = 32 }),
    };

    // The adapter, its start looked for in data.
    private static PeftMethod Add(Bench bench, LoraOptions options)
    {
        var adapter = bench.Add(options);
        new TrainableAdapter(bench.Peft, adapter).Prepare(new OneBatch(), 3);
        return adapter;
    }

    [Theory]
    [MemberData(nameof(Shares))]
    public void It_Begins_Where_The_Base_Is(string start)
    {
        using var bench = new Bench("bert", ScalarType.Float64);
        var before = bench.Logits(AdapterSelection.None);
        var adapter = Add(bench, Options(start));
        AssertNear(before, bench.Logits(adapter), "The start");
        Assert.All(
            adapter.Tensors.Where(t => t.Local.StartsWith("lora_", StringComparison.Ordinal)),
            t => Assert.True(t.Value.abs().max().item<double>() > 1e-3));
    }

    [Theory]
    [InlineData("pissa", "pissa")]
    [InlineData("olora", "olora")]
    public void Shares_And_What_Is_Left_Are_The_References(string start, string key)
    {
        using var file = SafetensorsFile.Open(TestPaths.Fixture("initialisation", "pissa-olora.safetensors"));
        using var scope = NewDisposeScope();
        var paths = file.Tensors.Keys.Where(
            k => k.StartsWith($"{key}.", StringComparison.Ordinal) && k.EndsWith(".original", StringComparison.Ordinal))
            .ToList();
        Assert.Equal(4, paths.Count);
        foreach (var path in paths)
        {
            Tensor Read(string what) => file.Read(path.Replace(".original", $".{what}", StringComparison.Ordinal)).to(ScalarType.Float64);
            var (weight, product) = (Read("original"), Read("scaled_product"));
            var rank = (int)linalg.matrix_rank(product, 1e-5).item<long>();
            foreach (var scale in (double[])[0.25, 1, 3])
            {
                var (a, b) = SpectralStart.Of(start, weight, rank, scale, 1);
                // OLoRA's factors do not know of the scale: the reference's is what it was made with.
                var share = matmul(b, a) * (start == "olora" ? 1 : scale);
                var expected = start == "olora" ? product * (share.norm() / product.norm()) : product;
                Assert.True(
                    (expected - share).abs().max().item<double>() < 2e-6, $"{path}: {(expected - share).abs().max().item<double>()}");
            }
            Assert.True((weight - product - Read("residual")).abs().max().item<double>() < 1e-6);
        }
    }

    [Fact]
    public void Random_Projections_Find_Nearly_The_Same()
    {
        using var scope = NewDisposeScope();
        var weight = (Initial.Normal([40, 24], 1, 5) * pow(0.5, arange(24))).to(ScalarType.Float64);
        var (a, b) = SpectralStart.Of("pissa", weight, 4, 1, 0);
        var (ra, rb) = SpectralStart.Of("pissa_niter_30", weight, 4, 1, 9);
        Assert.True((matmul(b, a) - matmul(rb, ra)).abs().max().item<double>() < 1e-3);
    }

    [Theory]
    [MemberData(nameof(All))]
    public void The_Laws_Hold(string start)
    {
        using var bench = new Bench("bert", ScalarType.Float64);
        var baseTensors = bench.BaseTensors();
        var off = bench.Logits(AdapterSelection.None);
        var adapter = Add(bench, Options(start));
        bench.Train(adapter);
        var answers = bench.Logits(adapter);
        Bits.AssertDiffers(off, answers, "Training");
        Bits.AssertSame(off, bench.Logits(AdapterSelection.None), "The base beside it");
        foreach (var (name, value) in baseTensors) Bits.AssertSame(value, bench.Sites.Slots.Single(s => s.Name == name).Value, name);

        bench.Peft.Merge(adapter.Name);
        AssertNear(answers, bench.Logits(AdapterSelection.None), "Merged");
        bench.Peft.Unmerge();
        Bits.AssertSame(off, bench.Logits(AdapterSelection.None), "Unmerged");

        // Row by row, with the base and another adapter beside it.
        var other = bench.Add(new LoraOptions(), "other");
        Bench.Disturb(other);
        using (var scope = NewDisposeScope())
        {
            var rest = Enumerable.Repeat<AdapterTag?>(adapter.Tag, (int)bench.Batch.Rows - 3);
            var mixed = bench.Logits(AdapterSelection.PerRow([adapter.Tag, null, other.Tag, .. rest]));
            AssertNear(bench.Logits(AdapterSelection.Of(adapter.Tag), 0)[0], mixed[0], "Its row");
            AssertNear(bench.Logits(AdapterSelection.None, 1)[0], mixed[1], "The base's row");
            AssertNear(bench.Logits(AdapterSelection.Of(other.Tag), 2)[0], mixed[2], "The other's row");
        }

        using var folder = new TempFolder();
        AdapterFolder.Save(adapter, folder.Root);
        using var fresh = new Bench("bert", ScalarType.Float64);
        AssertNear(answers, fresh.Logits(AdapterFolder.Open(folder.Root).LoadInto(fresh.Peft)), "Loaded");
    }

    [Theory]
    [InlineData("pissa", false)]
    [InlineData("olora", true)]
    [InlineData("lora_ga", false)]
    public void It_Is_Saved_As_Plain_Lora_Of_Twice_The_Rank(string start, bool rsLora)
    {
        using var bench = new Bench("bert");
        var adapter = Add(bench, Options(start) with { UseRsLora = rsLora, RankPattern = new Dictionary<string, int> { ["query"] = 3 } });
        bench.Train(adapter);
        using var folder = new TempFolder();
        AdapterFolder.Save(adapter, folder.Root);
        var saved = (LoraOptions)AdapterFolder.Open(folder.Root).Options;
        Assert.Equal((JsonValueKind.True, 8, 6), (saved.InitLoraWeights.ValueKind, saved.Rank, saved.RankPattern!["query"]));
        using var file = SafetensorsFile.Open(folder.File("adapter_model.safetensors"));
        Assert.Equal([6, 32], file.Tensors["base_model.model.bert.encoder.layer.0.attention.self.query.lora_A.weight"].Shape);
        Assert.Equal([32, 8], file.Tensors["base_model.model.bert.encoder.layer.0.attention.self.value.lora_B.weight"].Shape);
    }

    [Theory]
    [MemberData(nameof(All))]
    public void A_Run_Goes_On_Bit_For_Bit(string start)
    {
        static float[] Values(PeftMethod adapter) => [.. adapter.Tensors.SelectMany(t => t.Value.detach().data<float>().ToArray())];
        var options = new TrainerOptions { LearningRate = 0.01, MaxSteps = 6, Seed = 5 };
        using var whole = new Bench("bert");
        var first = whole.Add(Options(start));
        using (var trainer = new Trainer(new TrainableAdapter(whole.Peft, first), new OneBatch(), options)) trainer.Run();

        using var begun = new Bench("bert");
        using var stop = new CancellationTokenSource();
        using var half = new Trainer(
            new TrainableAdapter(begun.Peft, begun.Add(Options(start))), new OneBatch(), options, null,
            new Training.Recorder(r => { if (r.Step == 3) stop.Cancel(); }));
        half.Run(stop.Token);
        using var snapshot = half.Export();

        using var again = new Bench("bert");
        var second = again.Add(Options(start));
        using var resumed = new Trainer(new TrainableAdapter(again.Peft, second), new OneBatch(), options);
        resumed.Import(snapshot);
        resumed.Run();
        Assert.Equal(Values(first), Values(second));
        Bits.AssertSame(whole.Logits(first), again.Logits(second), "The answers");
    }

    [Fact]
    public void Loftq_Is_Nearer_To_The_Weight_Than_Quantising_And_Nearer_With_Every_Round()
    {
        using var scope = NewDisposeScope();
        var weight = Initial.Normal([48, 64], 0.1, 5);
        double Distance(int rounds, int rank)
        {
            var (a, b, before) = SpectralStart.Loftq(weight, rank, 2, new LoftqOptions { Rounds = rounds });
            using var quantised = PeftSharp.Weights.FourBitStore.Quantize(
                before is var (beforeA, beforeB) ? weight - 2 * matmul(beforeB, beforeA) : weight);
            return (weight - quantised.Dense() - 2 * matmul(b, a)).norm().item<float>();
        }
        using var plain = PeftSharp.Weights.FourBitStore.Quantize(weight);
        double[] distances = [(weight - plain.Dense()).norm().item<float>(), Distance(1, 8), Distance(5, 8)];
        Assert.True(distances[1] < 0.95 * distances[0] && distances[2] < distances[1], string.Join(", ", distances));
    }

    [Fact]
    public void Eva_Takes_The_Principal_Directions_Of_What_A_Map_Reads()
    {
        using var scope = NewDisposeScope();
        // Vectors in three parts, of four strong directions.
        var vectors = matmul(Initial.Normal([300, 4], 1, 1) * tensor([8f, 4, 2, 1]), Initial.Normal([4, 16], 1, 2))
            + Initial.Normal([300, 16], 0.01, 3)
            + 5;
        using var found = new IncrementalComponents(16);
        foreach (var part in vectors.split([100, 150, 50])) found.Add(part, 0.99);
        var x = vectors.to(ScalarType.Float64);
        var (_, s, vt) = linalg.svd(x - x.mean([0]), fullMatrices: false);
        AssertNear(
            (vt.narrow(0, 0, 4) * found.Directions.narrow(0, 0, 4)).sum(1L).abs(), ones(4, ScalarType.Float64), "The directions", 1e-9);
        var shares = (s.square() / s.square().sum()).data<double>().ToArray();
        Assert.All(found.Shares.Zip(shares), pair => Assert.Equal(pair.Second, pair.First, 1e-9));
    }

    [Fact]
    public void Eva_Moves_Ranks_To_Where_Directions_Explain_Most()
    {
        using var bench = new Bench("bert");
        var adapter = Add(bench, Options("eva") with { TargetModules = new("all-linear") });
        var ranks = adapter.Tensors.Where(t => t.Local == "lora_A.weight").Select(t => (int)t.Value.shape[0]).ToList();
        Assert.Equal(4 * ranks.Count, ranks.Sum());
        Assert.True(ranks.Distinct().Count() > 1);
        Assert.InRange(ranks.Max(), 5, 8);
        foreach (var a in adapter.Tensors.Where(t => t.Local == "lora_A.weight" && t.Value.shape[0] > 0))
        {
            using var scope = NewDisposeScope();
            AssertNear(matmul(a.Value, a.Value.t()), eye(a.Value.shape[0]), a.Path, 1e-5);
        }
        // alpha / r stays.
        var options = (LoraOptions)adapter.Options;
        Assert.All(options.AlphaPattern!, p => Assert.Equal(1.5, p.Value / options.RankPattern![p.Key], 1e-12));
    }

    [Fact]
    public void LoraGa_Follows_The_Gradient_Of_The_Weight()
    {
        using var bench = new Bench("bert", ScalarType.Float64);
        var plain = bench.Logits(AdapterSelection.None);
        var adapter = Add(bench, Options("lora_ga"));
        AssertNear(plain, bench.Logits(adapter), "The start");
        // The gradient of all rows alike, by finite differences along A₀'s and B₀'s directions: ‖G·a‖ for A's rows is what the leading
        // singular values say.
        var path = "bert.encoder.layer.0.attention.self.query";
        var a = adapter.Tensors.Single(t => t.Name == $"{path}.lora_A.weight").Value;
        var b = adapter.Tensors.Single(t => t.Name == $"{path}.lora_B.weight").Value;
        using var scope = NewDisposeScope();
        var size = Math.Sqrt(32) / 16;
        AssertNear(matmul(a, a.t()), eye(4, dtype: ScalarType.Float64) * size, "A", 1e-9);
        AssertNear(matmul(b.t(), b), eye(4, dtype: ScalarType.Float64) * size, "B", 1e-9);
        using var other = new Bench("bert", ScalarType.Float64);
        var full = other.Add("full");
        other.Loss(full).Backpropagate();
        var gradient = full.Tensors.Single(t => t.Name == $"{path}.weight").Value.grad!;
        var (u, _, vt) = linalg.svd(gradient, fullMatrices: false);
        AssertNear(matmul(a, vt.t()).narrow(1, 0, 4).square().sum(1L), ones(4, ScalarType.Float64) * size, "A against the gradient", 1e-9);
        AssertNear(matmul(u.t(), b).narrow(0, 4, 4).square().sum(0L), ones(4, ScalarType.Float64) * size, "B against the gradient", 1e-9);
    }

    [Fact]
    public void What_Cannot_Be_Is_Refused()
    {
        using var bench = new Bench("bert");
        Refusal.Of(bench, () => bench.Add(Options("pissa") with { Rank = 40 }), "\"r\" is 40");
        var one = new Dictionary<string, int> { ["layer.0.attention.self.query"] = 40 };
        Refusal.Of(bench, () => bench.Add(Options("pissa") with { RankPattern = one }), "rank 40");
        Refusal.Of(bench, () => bench.Add(Options("lora_ga") with { Rank = 17 }), "rank 17");
        Refusal.Of(bench, () => bench.Add(Options("olora") with { Alpha = -1 }), "lora_alpha");
        Refusal.Of(bench, () => bench.Add(Options("pissa") with { UseDora = true }), "use_dora");
        Refusal.Of(bench, () => bench.Add(Options("corda")), "init_lora_weights");
        Refusal.Of(bench, () => bench.Add(Options("pissa_niter_0")), "init_lora_weights");
        Refusal.Of(bench, () => bench.Add(Options("pissa") with { TargetModules = new(["query", "word_embeddings"]) }), "word_embeddings");
        Refusal.Of(bench, () => bench.Add(
            Options("loftq") with { LoftqConfig = JsonDocument.Parse("""{"loftq_bits": 2}""").RootElement }), "loftq_bits");
        Refusal.Of(bench, () => bench.Add(Options("eva") with { Eva = new() { Rho = 0.5 } }), "rho");
        Refusal.Of(bench, () => bench.Add(Options("lora_ga") with { LoraGa = new() { Direction = "up" } }), "direction");
        using var quantised = new Bench("bert", new ModelOptions { Quantize = new Nf4Options() });
        Refusal.Of(quantised, () => quantised.Add(Options("pissa")), "nf4");
    }

    private static void AssertNear(Tensor expected, Tensor actual, string what, double tolerance = 1e-10)
    {
        using var scope = NewDisposeScope();
        var distance = (expected.to(ScalarType.Float64) - actual.to(ScalarType.Float64)).abs().max().item<double>();
        Assert.True(distance < tolerance, $"{what}: {distance}");
    }

    private sealed class OneBatch : IBatchSource
    {
        public int Examples => 4;

        public int BatchesPerEpoch => 1;

        public TokenBatch Batch(int epoch, int index) => TinyModels.Batch();
    }
}
