using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Formats;
using PeftSharp.Methods;
using PeftSharp.Methods.Additive.Bottleneck;
using PeftSharp.Methods.Additive.Prefix;
using PeftSharp.Methods.Hybrid.Union;
using PeftSharp.Methods.Hybrid.XLora;
using PeftSharp.Methods.Partial.BitFit;
using PeftSharp.Methods.Partial.Head;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Models;
using PeftSharp.Runs;
using PeftSharp.Sites;
using PeftSharp.Tests.Files;
using PeftSharp.Tests.Training;
using PeftSharp.Training;
using PeftSharp.Training.Resume;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Matrix;

/// <summary>Law 14: random unions of random methods obey the laws of their parts.</summary>
public sealed class UnionTests
{
    private const int Draws = 24;

    // Small, so that several fit the tiny models' positions.
    private static readonly Targets Queries = new(
        ["query", "q_lin", "q_proj", "c_attn", "attn.q", "query_proj", "Wqkv", "qkv_proj", "query_key_value"]);

    private static readonly (string Name, MethodOptions Options, bool Merges)[] Choice =
    [
        ("full", MethodRegistry.Options("full"), true),
        ("bitfit", new BitFitOptions(), true),
        ("head", new HeadOptions(), true),
        ("lora", new LoraOptions { Rank = 2 }, true),
        ("lora everywhere", new LoraOptions { TargetModules = new("all-linear"), LoraBias = true, Dropout = 0.1 }, true),
        ("dora", new LoraOptions { UseDora = true, TargetModules = Queries }, true),
        ("lora on words", new LoraOptions { TargetModules = new(["word_embeddings", "tok_embeddings", "embed_tokens", "wte"]) }, true),
        (
            "trained tokens",
            new LoraOptions { TrainableTokens = new(new Dictionary<string, IReadOnlyList<long>> { [TokenIndices.Input] = Words() }) },
            true),
        ("gated lora", new LoraOptions { UseGating = true, Roles = [ProjectionRole.Key] }, false),
        ("pfeiffer", new BottleneckOptions(), false),
        ("houlsby", MethodRegistry.Options("houlsby"), false),
        ("houlsby-2019", MethodRegistry.Options("houlsby-2019"), false),
        ("gated adapter", new BottleneckOptions { UseGating = true }, false),
        ("parallel", MethodRegistry.Options("scaled-parallel"), false),
        ("prefix", new PrefixOptions { VirtualTokens = 4 }, false),
        ("projected prefix", new PrefixOptions { VirtualTokens = 3, Projection = true }, false),
        ("AdapterHub's prefix", new PrefixOptions { VirtualTokens = 3, HubStyle = true, UseGating = true }, false),
        ("ln-tuning", new PeftSharp.Methods.Partial.LnTuning.LnTuningOptions(), true),
        ("adaption prompt", new PeftSharp.Methods.Additive.AdaptionPrompt.AdaptionPromptOptions { Length = 3 }, false),
        ("p-tuning", new PeftSharp.Methods.Additive.PTuning.PTuningOptions { VirtualTokens = 3, EncoderHidden = 8 }, false),
        ("ia3", new PeftSharp.Methods.Additive.Ia3.Ia3Options(), true),
        ("prompt", new PeftSharp.Methods.Additive.Prompt.PromptOptions { VirtualTokens = 3 }, false),
    ];

    // Words that the batch holds, so that they are trained.
    private static long[] Words()
    {
        using var batch = TinyModels.Batch();
        return [.. batch.InputIds.data<long>().ToArray().Take(2)];
    }

    public static TheoryData<int> Seeds => [.. Enumerable.Range(0, Draws)];

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Random_Unions_Obey_The_Laws(int seed)
    {
        var random = new Random(seed);
        var architecture = TinyModels.Names.ElementAt(seed % TinyModels.Names.Count);
        var parts = Enumerable.Range(0, random.Next(2, 4)).Select(_ => Choice[random.Next(Choice.Length)]).ToArray();
        Obeys(architecture, parts);
    }

    public static TheoryData<int> Others => [.. Enumerable.Range(0, Choice.Length)];

    // A first pass in which the others act as well, virtual tokens included.
    [Theory]
    [MemberData(nameof(Others))]
    public void So_Do_Weighed_Experts_With_Any_Other(int other) => Obeys(
        TinyModels.Names.ElementAt(other % TinyModels.Names.Count),
        [("xlora", new XLoraOptions { DrawnExperts = 2, PerMap = true }, false), Choice[other]]);

    private static void Obeys(string architecture, (string Name, MethodOptions Options, bool Merges)[] parts)
    {
        var what = $"{architecture}: {string.Join(" + ", parts.Select(p => p.Name))}";
        var union = new UnionOptions { Parts = [.. parts.Select(p => p.Options)] };
        try
        {
            if (IsRefused(architecture, union)) return;
            LeavesTheBase(architecture, union);
            IsAlive(architecture, union);
            NeighboursAndRows(architecture, union);
            Merges(architecture, union, parts.All(p => p.Merges));
            Resumes(architecture, union);
            ComesBack(architecture, union);
        }
        catch (Exception e)
        {
            throw new InvalidOperationException($"{what}: {e.Message}", e);
        }
    }

    // Two copies of one tensor are refused in one sentence, and nothing else is.
    private static bool IsRefused(string architecture, UnionOptions union)
    {
        using var bench = new Bench(architecture);
        var copies = union.Parts.Select(part =>
        {
            using var alone = new Bench(architecture);
            var tensors = alone.Add(part).Tensors
                .Where(t => !t.Additional)
                .Select(t => t.Name.Replace(".base_layer.", ".", StringComparison.Ordinal))
                .ToList();
            return (IEnumerable<string>)tensors;
        }).ToList();
        // A part leaves the head to the union, all but its biases in BitFit and the whole of it in full fine-tuning.
        if (copies.SelectMany(c => c).GroupBy(n => n).All(g => g.Count() == 1)) return false;
        Refusal.Of(bench, () => bench.Add(union), "UNION", "another of its parts trains as well");
        return true;
    }

    private static void LeavesTheBase(string architecture, UnionOptions union)
    {
        using var bench = new Bench(architecture);
        var (plain, tensors) = (bench.Logits(AdapterSelection.None), bench.BaseTensors());
        var adapter = bench.Add(union);
        bench.Train(adapter, training: true);
        Bits.AssertSame(tensors, bench.BaseTensors());
        Bits.AssertSame(plain, bench.Logits(AdapterSelection.None), "The base's output");
        bench.Peft.Remove(adapter.Name);
        Assert.Equal(0, bench.Plugins);
    }

    private static void IsAlive(string architecture, UnionOptions union)
    {
        using var bench = new Bench(architecture);
        var adapter = bench.Add(union);
        Assert.Equal(adapter.Tensors.Count, adapter.Tensors.Select(t => t.Name).Distinct().Count());
        var start = adapter.Tensors.Select(t => t.Value.detach().clone()).ToList();
        bench.Train(adapter, 2);
        foreach (var (tensor, before) in adapter.Tensors.Zip(start))
            if (
                !tensor.Name.EndsWith(".key.bias", StringComparison.Ordinal)
                    && !tensor.Name.EndsWith(".k_lin.bias", StringComparison.Ordinal))
                Assert.False(Bits.Same(before, tensor.Value), $"{tensor.Name} did not move.");
    }

    private static void NeighboursAndRows(string architecture, UnionOptions union)
    {
        using var bench = new Bench(architecture, ScalarType.Float64);
        var (adapter, other) = (bench.Add(union), bench.Add(new LoraOptions(), "other", 12));
        Bench.Disturb(adapter);
        Bench.Disturb(other);
        string?[] names = [adapter.Name, null, "other", adapter.Name];
        var mixed = bench.Logits(TinyModels.Rows([0, 1, 2, 3], 11), bench.Peft.SelectPerRow(names));
        for (var row = 0; row < names.Length; row++)
        {
            var selection = names[row] is { } name ? bench.Peft.Select(name) : AdapterSelection.None;
            Bits.AssertClose(
                bench.Logits(TinyModels.Rows([row], TinyModels.LengthOf(row)), selection), mixed.narrow(0, row, 1), Rounding.Exact,
                $"Row {row}");
        }
    }

    private static void Merges(string architecture, UnionOptions union, bool merges)
    {
        using var bench = new Bench(architecture, ScalarType.Float64);
        var adapter = bench.Add(union);
        Bench.Disturb(adapter);
        if (!merges)
        {
            Refusal.Of(bench, () => bench.Peft.Merge(adapter.Name), "cannot be merged");
            return;
        }
        var (tensors, adapted) = (bench.BaseTensors(), bench.Logits(adapter));
        bench.Peft.Merge(adapter.Name);
        Bits.AssertClose(adapted, bench.Logits(AdapterSelection.None), Rounding.Exact, "The merged output");
        bench.Peft.Unmerge();
        Bits.AssertSame(tensors, bench.BaseTensors());
    }

    private static void Resumes(string architecture, UnionOptions union)
    {
        using var folder = new TempFolder();
        var store = new CheckpointStore(folder.File("checkpoints"));
        using Bench whole = new(architecture), first = new(architecture), second = new(architecture);
        PeftMethod unbroken = whole.Add(union), begun = first.Add(union), resumed = second.Add(union, seed: 99);
        using (var straight = Trainer(whole, unbroken)) straight.Run();
        using (var stop = new CancellationTokenSource())
        using (
            var trainer =
                Trainer(first, begun, new Recorder(r => { if (r.Step == 2) stop.Cancel(); }), new CheckpointWriter(store, new([], ""))))
            trainer.Run(stop.Token);
        using var checkpoint = store.Newest()!;
        using var going = Trainer(second, resumed);
        going.Import(checkpoint.Snapshot);
        going.Run();
        foreach (var (a, b) in unbroken.Tensors.Zip(resumed.Tensors)) Bits.AssertSame(a.Value, b.Value, a.Name);
    }

    private static Trainer Trainer(Bench bench, PeftMethod adapter, params ITrainingObserver[] observers) =>
        new(
            new TrainableAdapter(bench.Peft, adapter), new Batches(),
            new TrainerOptions { LearningRate = 0.01, MaxSteps = 4, TokensPerPass = 24 }, null, observers);

    private static void ComesBack(string architecture, UnionOptions union)
    {
        foreach (var format in Enum.GetValues<AdapterFormat>()) ComesBack(architecture, union, format);
    }

    // Where the format has each part.
    private static void ComesBack(string architecture, UnionOptions union, AdapterFormat format)
    {
        using var bench = new Bench(architecture);
        var adapter = bench.Add(union);
        Bench.Disturb(adapter);
        using var folder = new TempFolder();
        try
        {
            AdapterFolder.Save(adapter, folder.Root, format);
        }
        catch (PeftException e)
        {
            Assert.EndsWith(".", e.Message);
            Assert.Empty(Directory.GetFiles(folder.Root));
            Assert.NotNull(adapter.Refusal(format)); // known before it was trained
            return;
        }
        using var fresh = new Bench(architecture);
        Bits.AssertSame(
            bench.Logits(adapter), fresh.Logits(AdapterFolder.Open(folder.Root).LoadInto(fresh.Peft)),
            "The output after saving and loading");
    }

    // A serial and a parallel bottleneck at one branch, as AutoPEFT has them, and what AdapterHub lacks.
    [Fact]
    public void Parts_At_One_Place_And_Parts_That_AdapterHub_Lacks_Come_Back()
    {
        var lora = new LoraOptions { TargetModules = new("all-linear") };
        (UnionOptions Union, AdapterFormat Format)[] cases =
        [
            (new() { Parts = [new BottleneckOptions(), MethodRegistry.Options("par_bn")] }, AdapterFormat.AdapterHub),
            (new() { Parts = [new BottleneckOptions(), MethodRegistry.Options("par_bn")] }, AdapterFormat.Peft),
            (new() { Parts = [lora, new BitFitOptions(), new BottleneckOptions { Size = 3 }] }, AdapterFormat.Peft),
            (new() { Parts = [lora, MethodRegistry.Options("fish")] }, AdapterFormat.Peft),
            (new() { Parts = [MethodRegistry.Options("threshold-mask"), new BitFitOptions()] }, AdapterFormat.Peft),
            (new() { Parts = [MethodRegistry.Options("lt-sft"), lora, new PrefixOptions { VirtualTokens = 3 }] }, AdapterFormat.Peft),
        ];
        foreach (var (union, format) in cases)
        {
            using Bench bench = new("bert"), fresh = new("bert");
            using var folder = new TempFolder();
            var adapter = bench.Add(union);
            Bench.Disturb(adapter);
            AdapterFolder.Save(adapter, folder.Root, format);
            var read = AdapterFolder.Open(folder.Root).LoadInto(fresh.Peft, "another");
            Bits.AssertSame(bench.Logits(adapter), fresh.Logits(read), "The output after saving and loading");
            using var again = new TempFolder();
            AdapterFolder.Save(read, again.Root, format);
            Assert.Equal(
                ((UnionOptions)AdapterFolder.Open(folder.Root).Options).Parts.Select(p => p.PeftType),
                ((UnionOptions)AdapterFolder.Open(again.Root).Options).Parts.Select(p => p.PeftType));
        }
        Refusal.Sentence(() => new UnionOptions { Parts = [new UnionOptions()] }.Validate(), "a union in a union");
    }

    private sealed class Batches : IBatchSource
    {
        public int Examples => 4;

        public int BatchesPerEpoch => 2;

        public TokenBatch Batch(int epoch, int index) => TinyModels.Rows([(index * 2 + epoch) % 4, (index * 2 + epoch + 1) % 4], 9);
    }
}
