using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Files;
using PeftSharp.Formats;
using PeftSharp.Methods;
using PeftSharp.Methods.Hybrid.Union;
using PeftSharp.Methods.Partial;
using PeftSharp.Methods.Partial.BitFit;
using PeftSharp.Methods.Partial.Fish;
using PeftSharp.Methods.Partial.Sparse;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using PeftSharp.Runs;
using PeftSharp.Runs.Conformance;
using PeftSharp.Sites;
using PeftSharp.Tests.Files;
using PeftSharp.Tests.Matrix;
using PeftSharp.Tests.Training;
using PeftSharp.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Methods.Partial;

/// <summary>The FISH mask: which weights are chosen, what is trained, kept and saved of them.</summary>
public sealed class FishTests
{
    [Fact]
    public void The_Reference_Case_Holds()
    {
        var result = ConformanceRunner.Run(TestPaths.RequireShared("fixtures", "cases", "bert-fish"));
        Assert.Null(result.Failure);
        Assert.Contains(result.Quantities, q => q.Name == "final");
        Assert.Contains(result.Quantities, q => q.Name == "trainable_parameters");
        Assert.All(result.Quantities, q => Assert.True(q.Passed, $"{q.Name}: {q.Error} ({q.Where})"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void The_Fisher_Information_Is_That_Of_The_Reference(bool expected)
    {
        using var scope = NewDisposeScope();
        using var reference = new ConformanceCase(TestPaths.RequireShared("fixtures", "cases", "bert-fish"));
        using var model = reference.LoadModel(ScalarType.Float64);
        var slots = model.Sites.Slots;
        var batch = reference.Batch(true);
        IBatchSource source = new Batches([batch]);
        var tag = new AdapterTag("probe");
        ForwardContext Probing() => new() { Selection = AdapterSelection.Of(tag) };
        var examples = source.EachExample(0);
        var data = new PreparationData(examples, b => model.Loss(b, Probing()), b => model.Forward(b, Probing()).Logits, true, 0);
        var (scores, seen) = new ExampleGradients("FISH", slots, tag).Fisher(data, 100, expected);
        Assert.Equal(6, seen);
        var names = slots.Select(s => $"fisher.{(expected ? "expected" : "empirical")}.{s.Name}").ToList();
        var largest = names.Max(n => reference[n].abs().max().item<float>());
        foreach (var (name, score) in names.Zip(scores))
        {
            var error = (score - reference[name].to(ScalarType.Float64)).abs().max().item<double>();
            Assert.True(error <= 1e-4 * Math.Max(reference[name].abs().max().item<float>(), 1e-3 * largest), $"{name}: {error}");
        }
    }

    [Fact]
    public void The_Chosen_Weights_Are_Those_Of_The_Reference()
    {
        using var scope = NewDisposeScope();
        using var reference = new ConformanceCase(TestPaths.RequireShared("fixtures", "cases", "bert-fish"));
        using var model = new PeftModel(reference.LoadModel());
        var fish = (FishMethod)model.Add(new FishOptions { Keep = 0.05 });
        Assert.Equal("magnitude", fish.ChosenBy);
        new TrainableAdapter(model, fish).Prepare(new Batches([reference.Batch(true)]), 0);
        Assert.Equal("empirical", fish.ChosenBy);
        foreach (var slot in model.Model.Sites.Slots.Where(s => reference.Has($"mask.{s.Name}")))
        {
            long[] expected = reference[$"mask.{slot.Name}"].reshape(-1).nonzero().reshape(-1).data<long>().ToArray();
            Assert.Equal(expected, fish.State.TryGetValue(slot.Name, out var kept) ? kept.data<long>().ToArray() : []);
        }
    }

    [Theory]
    [InlineData("bert", false)]
    [InlineData("gpt2", false)]
    [InlineData("llama", true)]
    public void Neither_Batch_Size_Nor_Padding_Changes_The_Choice(string architecture, bool expected)
    {
        int[] many = [.. Enumerable.Range(0, 32).Select(i => i * 7 % 4)];
        Same(architecture, expected, [[[0, 1, 2, 3]], [[0], [1], [2], [3]], [[0, 1, 2], [3]]]);
        Same(architecture, expected, [[many], [.. many.Chunk(4)], [.. many.Chunk(1)]]);
    }

    private static void Same(string architecture, bool expected, int[][][] plans)
    {
        var chosen = plans.Select(plan =>
        {
            using var scope = NewDisposeScope();
            using var bench = new Bench(architecture);
            var fish = bench.Add(new FishOptions { Keep = 0.03, Expected = expected });
            var batches = plan.Select(rows => TinyModels.Rows(rows, 9 + plan.Length)).ToArray();
            new TrainableAdapter(bench.Peft, fish).Prepare(new Batches(batches), 0);
            return fish.State.Select(s => (s.Key, string.Join(' ', s.Value.data<long>().ToArray()))).ToList();
        }).ToList();
        Assert.All(chosen, c => Assert.Equal(chosen[0], c));
    }

    [Theory]
    [MemberData(nameof(Architectures))]
    public void Only_What_Is_Kept_Is_Trained_And_It_Comes_Back_From_Disk(string architecture)
    {
        using var scope = NewDisposeScope();
        using Bench bench = new(architecture), fresh = new(architecture);
        var fish = bench.Add(new FishOptions { Keep = 0.02 });
        var model = new TrainableAdapter(bench.Peft, fish);
        var options = new TrainerOptions { LearningRate = 0.01, MaxSteps = 4, WeightDecay = 0.1 };
        using (var trainer = new Trainer(model, new Batches([TinyModels.Batch(), TinyModels.Batch()]), options))
        {
            trainer.Run();
            // Two moments for each trained weight and no more.
            Assert.True(trainer.Optimizer.State.Values.Sum(t => t.numel()) <= 2 * fish.TrainedWeights + 2 * fish.Tensors.Count);
        }
        Assert.All(fish.Tensors, t => Assert.Null(t.Value.grad));
        foreach (var slot in bench.Sites.Slots)
        {
            if (!fish.State.TryGetValue(slot.Name, out var kept)) continue;
            var moved = slot.Replaced(fish.Tag)!.ne(slot.Value).reshape(-1).nonzero().reshape(-1).data<long>().ToArray();
            Assert.NotEmpty(moved);
            Assert.Empty(moved.Except(kept.data<long>().ToArray()));
        }
        using var folder = new TempFolder();
        AdapterFolder.Save(fish, folder.Root);
        var loaded = (FishMethod)AdapterFolder.Open(folder.Root).LoadInto(fresh.Peft);
        Assert.Equal("file", loaded.ChosenBy);
        Bits.AssertSame(bench.Logits(fish), fresh.Logits(loaded), "The output after saving and loading");

        // What was chosen once stays chosen.
        new TrainableAdapter(fresh.Peft, loaded).Prepare(new Batches([TinyModels.Batch(1)]), 0);
        Bits.AssertSame(bench.Logits(fish), fresh.Logits(loaded), "The output after another preparation");
    }

    public static TheoryData<string> Architectures => [.. TinyModels.Names];

    [Fact]
    public void A_Resumed_Run_Does_Not_Choose_Again()
    {
        using Bench whole = new("bert"), first = new("bert"), second = new("bert");
        PeftMethod[] adapters = [.. new[] { whole, first, second }.Select(b => b.Add(Mixed()))];
        var options = new TrainerOptions { LearningRate = 0.01, MaxSteps = 4 };
        using (var straight = new Trainer(new TrainableAdapter(whole.Peft, adapters[0]), new Batches([TinyModels.Batch()]), options))
            straight.Run();
        using var stop = new CancellationTokenSource();
        TrainerSnapshot snapshot;
        var stopper = new Recorder(r =>
        {
            if (r.Step == 2) stop.Cancel();
        });
        var source = new Batches([TinyModels.Batch()]);
        using (var begun = new Trainer(new TrainableAdapter(first.Peft, adapters[1]), source, options, null, stopper))
        {
            begun.Run(stop.Token);
            snapshot = begun.Export();
        }
        source = new Batches([TinyModels.Batch()]);
        using (var resumed = new Trainer(new TrainableAdapter(second.Peft, adapters[2]), source, options))
        {
            resumed.Import(snapshot);
            resumed.Run();
        }
        Assert.Equal(2, source.Asked); // the two steps that were left
        Assert.Equal(adapters[0].Tensors.Select(t => t.Name), adapters[2].Tensors.Select(t => t.Name));
        foreach (var (a, b) in adapters[0].Tensors.Zip(adapters[2].Tensors)) Bits.AssertSame(a.Value, b.Value, a.Name);
        snapshot.Dispose();
    }

    [Fact]
    public void A_Stopped_Preparation_Changes_Nothing()
    {
        using var bench = new Bench("bert");
        var fish = (FishMethod)bench.Add(new FishOptions { Keep = 0.02 });
        using var stop = new CancellationTokenSource();
        stop.Cancel();
        var model = new TrainableAdapter(bench.Peft, fish);
        Assert.ThrowsAny<OperationCanceledException>(() => model.Prepare(new Batches([TinyModels.Batch()]), 0, stop.Token));
        Assert.Equal("magnitude", fish.ChosenBy);
        bench.Peft.Remove(fish.Name);
        Assert.Equal(0, bench.Plugins);
        Assert.All(bench.Sites.Slots, s => Assert.Null(s.Replaced(fish.Tag)));
    }

    // Beside another method in one adapter; only one that trains the same tensors is refused.
    private static UnionOptions Mixed() => new() { Parts = [new FishOptions { Keep = 0.02 }, new LoraOptions { Rank = 2 }] };

    [Fact]
    public void What_Cannot_Be_Is_Refused()
    {
        using var bench = new Bench("bert");
        Refusal.Of(bench, () => bench.Add(new UnionOptions { Parts = [new FishOptions(), new BitFitOptions()] }), "another of its parts");
        foreach (var keep in (double[])[0, -1, 1.5, double.NaN])
            Refusal.Of(bench, () => bench.Add(new FishOptions { Keep = keep }), "keep");
        Refusal.Of(bench, () => bench.Add(new FishOptions { Examples = 0 }), "examples");
        using var regression = new Bench("bert", new ModelOptions { Task = TaskKind.Regression });
        var fish = regression.Add(new FishOptions { Expected = true });
        var model = new TrainableAdapter(regression.Peft, fish);
        Refusal.Sentence(() => model.Prepare(new Batches([TinyModels.Batch()]), 0), "expected", "false");
    }

    [Fact]
    public void Damaged_Files_Are_Refused()
    {
        using var scope = NewDisposeScope();
        using var bench = new Bench("bert");
        var fish = bench.Add(new FishOptions { Keep = 0.02 });
        using var folder = new TempFolder();
        AdapterFolder.Save(fish, folder.Root);
        var good = fish.SavedTensors(AdapterFormat.Peft).ToDictionary(t => t.Key, t => t.Value);
        var place = good.Keys.First(k => k.EndsWith(".gaps", StringComparison.Ordinal));
        void Refused(Action<Dictionary<string, Tensor>> damage, params string[] parts)
        {
            using var fresh = new Bench("bert");
            var bad = good.ToDictionary();
            damage(bad);
            SafetensorsWriter.Write(folder.File("adapter_model.safetensors"), bad, new Dictionary<string, string> { ["format"] = "pt" });
            Refusal.Of(fresh, () => AdapterFolder.Open(folder.Root).LoadInto(fresh.Peft), parts);
        }

        Refused(t => t.Remove(place), place);
        Refused(t => t.Remove($"{place[..^5]}.values"), $"{place[..^5]}.values");
        Refused(t =>
        {
            t.Remove(place);
            t.Remove($"{place[..^5]}.values");
        }, "keep", "missing");
        Refused(t => t[place] = t[place].narrow(0, 1, t[place].numel() - 1).clone(), place, "entries");
        Refused(t => t[place] = full_like(t[place], 255), place, "entries");
        Refused(t => t[place] = t[place].to(ScalarType.Int64), place, "entries");
        Refused(t => t["base_model.model.stray.values"] = ones(3), "stray");
        Refused(t =>
        {
            foreach (var key in t.Keys.Where(k => k.EndsWith(".values", StringComparison.Ordinal)).ToList()) t.Remove(key);
        }, ".values\"", "missing");
    }

    [Fact]
    public void Positions_Come_Back_From_Either_Code()
    {
        var random = new Random(5);
        foreach (var entries in (long[])[1, 7, 8, 1000, 70_000, 5_000_000])
            foreach (var share in (double[])[0.9, 0.1, 0.001])
            {
                var drawn = Enumerable.Range(0, (int)Math.Min(entries, 40_000)).Select(_ => (long)(random.NextDouble() * entries));
                long[] positions = [.. drawn.Where(_ => random.NextDouble() < share).Append(entries - 1).Distinct().Order()];
                Assert.Equal(positions, PositionCode.FromGaps(PositionCode.Gaps(positions), positions.Length, entries));
                Assert.Equal(positions, PositionCode.FromBits(PositionCode.Bits(positions, entries), positions.Length, entries));
                Assert.Null(PositionCode.FromGaps(PositionCode.Gaps(positions), positions.Length, entries - 1));
                Assert.Null(PositionCode.FromGaps(PositionCode.Gaps(positions), positions.Length + 1, entries));
                Assert.Null(PositionCode.FromBits(PositionCode.Bits(positions, entries), positions.Length + 1, entries));
            }
    }

    [Fact]
    public void A_Delta_Of_A_Real_Model_Is_Small()
    {
        var options = new ModelOptions { Task = TaskKind.Classification, Labels = ["no", "yes"] };
        using var model = new PeftModel(ModelLoader.Load(TestPaths.RequireShared("models", "all-MiniLM-L6-v2"), options));
        var fish = model.Add(new FishOptions());
        Assert.InRange(fish.TrainedWeights - fish.HeadWeights, 110_000, 115_000);
        Assert.InRange(AdapterFolder.Files(fish, AdapterFormat.Peft).Sum(f => f.Value), 454_000, 1 << 20);
    }
}
