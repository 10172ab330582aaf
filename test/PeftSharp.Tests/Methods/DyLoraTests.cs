using PeftSharp.Formats;
using PeftSharp.Methods;
using PeftSharp.Methods.Reparameterized.DyLora;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Runs;
using PeftSharp.Sites;
using PeftSharp.Tests.Files;
using PeftSharp.Tests.Matrix;
using PeftSharp.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Methods;

/// <summary>One training over a range of ranks, served at any of them.</summary>
public sealed class DyLoraTests
{
    private const int Most = 6;

    private static readonly DyLoraOptions Settings = new() { Rank = Most, SmallestRank = 2, Alpha = 12, TargetModules = new("all-linear") };

    [Theory]
    [InlineData("bert")]
    [InlineData("gpt2")]
    public void At_Any_Rank_It_Answers_As_A_Lora_Of_Its_First_Ranks(string architecture)
    {
        using var bench = new Bench(architecture, ScalarType.Float64);
        var dylora = (DyLoraMethod)bench.Add(Settings);
        Bench.Disturb(dylora);
        var answers = new List<Tensor>();
        for (var rank = 2; rank <= Most; rank++)
        {
            dylora.ServedRank = rank;
            answers.Add(bench.Logits(dylora));
            var lora = bench.Add(new LoraOptions { Rank = rank, Alpha = 12, TargetModules = Settings.TargetModules }, $"lora {rank}");
            TakeOver(dylora, lora, rank);
            AssertNear(bench.Logits(lora), answers[^1], $"rank {rank}");

            bench.Peft.Merge(dylora.Name);
            AssertNear(answers[^1], bench.Logits(AdapterSelection.None), $"merged at rank {rank}");
            bench.Peft.Unmerge();
        }
        Bits.AssertDiffers(answers[0], answers[^1], "Another rank");
    }

    private static void TakeOver(PeftMethod from, PeftMethod to, int rank)
    {
        using var guard = no_grad();
        foreach (var target in to.Tensors)
        {
            var source = from.Tensors.Single(t => t.Name == target.Name).Value;
            target.Value.copy_(target.Local switch
            {
                "lora_A.weight" => source.narrow(0, 0, rank),
                "lora_B.weight" => source.narrow(1, 0, rank),
                _ => source,
            });
        }
    }

    [Fact]
    public void A_Step_Draws_One_Rank_For_All_Maps_And_All_Its_Parts()
    {
        using var bench = new Bench("bert");
        var dylora = (DyLoraMethod)bench.Add(Settings);
        Bench.Disturb(dylora);
        var drawn = new List<long>();
        for (var step = 0; step < 60; step++)
        {
            var ranks = new HashSet<long>();
            foreach (var micro in (int[])[0, 1])
            {
                var context = new ForwardContext
                {
                    Selection = AdapterSelection.Of(dylora.Tag),
                    Training = true,
                    Seed = (ulong)(100 + micro),
                    Step = new StepState(step, micro, 60, 7, 0.1),
                };
                using var scope = NewDisposeScope();
                ranks.UnionWith(dylora.Tensors.Where(t => t.Local == "lora_A.weight").Select(t => t.Get(context).shape[0]));
                ranks.UnionWith(dylora.Tensors.Where(t => t.Local == "lora_B.weight").Select(t => t.Get(context).shape[1]));
            }
            drawn.Add(Assert.Single(ranks));
        }
        Assert.Equal([2L, 3, 4, 5, 6], drawn.Distinct().Order());
        Assert.InRange(drawn.Average(), 3.3, 4.7);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_Step_Trains_The_Ranks_Up_To_The_Drawn_One_Or_That_Alone(bool frozen)
    {
        using var bench = new Bench("bert");
        var dylora = (DyLoraMethod)bench.Add(Settings with { Frozen = frozen });
        Bench.Disturb(dylora);
        var drawn = new HashSet<int>();
        for (ulong seed = 0; seed < 12; seed++)
        {
            using var scope = NewDisposeScope();
            bench.Loss(dylora, training: true, seed).Backpropagate();
            foreach (var a in dylora.Tensors.Where(t => t.Local == "lora_A.weight"))
            {
                bool[] moved =
                    [.. Enumerable.Range(0, Most).Select(rank => a.Value.grad!.narrow(0, rank, 1).abs().sum().item<float>() > 0)];
                var last = Array.LastIndexOf(moved, true) + 1;
                drawn.Add(last);
                Assert.Equal(Enumerable.Range(1, Most).Select(rank => frozen ? rank == last : rank <= last), moved);
                a.Value.grad = null;
            }
        }
        Assert.True(drawn.Count > 2);
        Assert.True(drawn.IsSubsetOf([2, 3, 4, 5, 6]));
    }

    [Fact]
    public void The_Served_Rank_Is_Saved_And_May_Be_Changed_Where_It_Is_Loaded()
    {
        using var bench = new Bench("bert");
        var dylora = (DyLoraMethod)bench.Add(Settings);
        bench.Train(dylora, training: true);
        dylora.ServedRank = 3;
        using var folder = new TempFolder();
        AdapterFolder.Save(dylora, folder.Root);
        using var fresh = new Bench("bert");
        var loaded = (DyLoraMethod)AdapterFolder.Open(folder.Root).LoadInto(fresh.Peft, "other");
        Assert.Equal(3, loaded.ServedRank);
        Bits.AssertSame(bench.Logits(dylora), fresh.Logits(loaded), "The answer at rank 3");
        (dylora.ServedRank, loaded.ServedRank) = (5, 5);
        Bits.AssertSame(bench.Logits(dylora), fresh.Logits(loaded), "The answer at rank 5");
        Refusal.Of(fresh, () => loaded.ServedRank = 1, "r_min");
        Refusal.Of(fresh, () => loaded.ServedRank = 7, "serving_rank");
        Assert.Equal(5, loaded.ServedRank);
    }

    [Fact]
    public void A_Resumed_Run_Draws_The_Same_Ranks()
    {
        static float[] Values(PeftMethod adapter) => [.. adapter.Tensors.SelectMany(t => t.Value.detach().data<float>().ToArray())];
        var options = new TrainerOptions { LearningRate = 0.01, MaxSteps = 8, Seed = 5 };
        using var whole = new Bench("bert");
        var first = whole.Add(Settings);
        using (var trainer = new Trainer(new TrainableAdapter(whole.Peft, first), new OneBatch(), options)) trainer.Run();

        using var begun = new Bench("bert");
        using var stop = new CancellationTokenSource();
        using var half = new Trainer(
            new TrainableAdapter(begun.Peft, begun.Add(Settings)), new OneBatch(), options, null,
            new Training.Recorder(r => { if (r.Step == 4) stop.Cancel(); }));
        half.Run(stop.Token);
        using var snapshot = half.Export();

        using var again = new Bench("bert");
        var second = again.Add(Settings);
        using var resumed = new Trainer(new TrainableAdapter(again.Peft, second), new OneBatch(), options);
        resumed.Import(snapshot);
        resumed.Run();
        Assert.Equal(Values(first), Values(second));
    }

    private static void AssertNear(Tensor expected, Tensor actual, string what)
    {
        using var scope = NewDisposeScope();
        var distance = (expected - actual).abs().max().item<double>();
        Assert.True(distance < 1e-10, $"{what}: {distance}");
    }

    private sealed class OneBatch : IBatchSource
    {
        public int Examples => 4;

        public int BatchesPerEpoch => 1;

        public PeftSharp.Data.TokenBatch Batch(int epoch, int index) => TinyModels.Batch();
    }
}
