using PeftSharp.Formats;
using PeftSharp.Interop;
using PeftSharp.Methods;
using PeftSharp.Methods.Full;
using PeftSharp.Methods.Hybrid.Union;
using PeftSharp.Methods.Partial.LtSft;
using PeftSharp.Methods.Partial.Sparse;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Runs;
using PeftSharp.Tests.Files;
using PeftSharp.Tests.Matrix;
using PeftSharp.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Methods.Partial;

/// <summary>Lottery tickets: the largest changes of a full fine-tuning, rewound and trained alone.</summary>
public sealed class LtSftTests
{
    private static readonly TrainerOptions Options = new()
    {
        LearningRate = 0.01,
        MaxSteps = 8,
        Seed = 3,
        WeightDecay = 0.01,
        MaxGradientNorm = 0, // the order of tensors would change its last digit
    };

    private static Batches Data => new([TinyModels.Rows([0, 1], 9), TinyModels.Rows([2, 3], 9)]);

    // The first phase is a full fine-tuning of four steps, which another method does.
    [Theory]
    [InlineData("bert", "model")]
    [InlineData("gpt2", "tensor")]
    [InlineData("llama", "layer")]
    public void The_Kept_Weights_Are_Those_That_A_Full_Fine_Tuning_Changed_Most(string architecture, string by)
    {
        using var scope = NewDisposeScope();
        using Bench full = new(architecture), sparse = new(architecture);
        var whole = full.Add(new FullOptions());
        using (var trainer = new Trainer(new TrainableAdapter(full.Peft, whole), Data, Options with { MaxSteps = 4 })) trainer.Run();
        var adapter = (LtSftMethod)sparse.Add(new LtSftOptions { KeepNumber = 321, KeepBy = by });
        var head = adapter.Tensors.Where(t => t.SavedModule).ToDictionary(t => t.Name, t => t.Value.clone());
        var model = new TrainableAdapter(sparse.Peft, adapter);
        using (var trainer = new Trainer(model, Data, Options)) trainer.Run();
        Assert.Equal("change", adapter.ChosenBy);
        Assert.Equal(321, adapter.State.Values.Sum(p => p.numel()));

        var changes = adapter.Slots.Select(slot => (Slot: slot, Change: whole.Tensors.First(t => t.Name == slot.Name).Value.detach()
            .Plus(slot.Value, -1).abs().reshape(-1).data<float>().ToArray())).ToList();
        var groups = changes.GroupBy(c => by switch
        {
            "model" => "",
            "tensor" => c.Slot.Name,
            _ => sparse.Sites.RegionOf(c.Slot.Module),
        });
        foreach (var group in groups)
        {
            var count = group.Sum(c => Kept(adapter, c.Slot.Name).Length);
            var ideal = 321.0 * group.Sum(c => c.Slot.Count) / changes.Sum(c => c.Slot.Count);
            if (by != "model") Assert.InRange(count, Math.Floor(ideal), Math.Ceiling(ideal));
            var expected = group.SelectMany(c => c.Change.Select((change, at) => (c.Slot.Name, At: (long)at, change)))
                .OrderByDescending(e => e.change).Take(count).ToLookup(e => e.Name, e => e.At);
            foreach (var (slot, _) in group) Assert.Equal(expected[slot.Name].Order(), Kept(adapter, slot.Name));
        }

        // Nothing but those has moved, and they have; the optimizer's state is theirs and the head's.
        foreach (var slot in adapter.Slots)
        {
            if (slot.Replaced(adapter.Tag) is not { } value) continue;
            var moved = value.ne(slot.Value).reshape(-1).nonzero().reshape(-1).data<long>().ToArray();
            Assert.Empty(moved.Except(Kept(adapter, slot.Name)));
        }
        Assert.All(head, start => Bits.AssertDiffers(start.Value, adapter.Tensors.First(t => t.Name == start.Key).Value, start.Key));
    }

    private static long[] Kept(PeftMethod adapter, string name) =>
        adapter.State.TryGetValue(name, out var positions) ? positions.data<long>().ToArray() : [];

    [Fact]
    public void Weights_And_Head_Go_Back_To_Their_Start_Between_The_Phases()
    {
        using var scope = NewDisposeScope();
        using var bench = new Bench("bert");
        var adapter = (LtSftMethod)bench.Add(new LtSftOptions { Keep = 0.02 });
        var plain = bench.Logits(adapter);
        var before = bench.BaseTensors();
        new TrainableAdapter(bench.Peft, adapter).Prepare(Data, 0);
        Assert.True(adapter.IsSearching);
        Assert.Equal(bench.Sites.Slots.Sum(s => s.Count), adapter.TrainedWeights);
        Bits.AssertSame(plain, bench.Logits(adapter), "The output at the start of the first phase");
        bench.Train(adapter);
        Bits.AssertDiffers(plain, bench.Logits(adapter), "The first phase");
        using var folder = new TempFolder();
        Refusal.Of(bench, () => AdapterFolder.Save(adapter, folder.Root), "LT_SFT", "first phase");
        adapter.OnPhase(1);
        Assert.False(adapter.IsSearching);
        Bits.AssertSame(plain, bench.Logits(adapter), "The output at the start of the second phase");
        Bits.AssertSame(before, bench.BaseTensors());
        AdapterFolder.Save(adapter, folder.Root);

        // Read from its file it goes on in one phase with the same weights.
        using var fresh = new Bench("bert");
        var loaded = (LtSftMethod)AdapterFolder.Open(folder.Root).LoadInto(fresh.Peft);
        Assert.Empty(loaded.Phases);
        new TrainableAdapter(fresh.Peft, loaded).Prepare(Data, 0);
        Assert.False(loaded.IsSearching);
        Assert.Equal(adapter.State.Keys, loaded.State.Keys);
    }

    [Fact]
    public void The_Penalty_Is_The_Mean_Distance_From_The_Start()
    {
        using var scope = NewDisposeScope();
        using var bench = new Bench("bert", ScalarType.Float64);
        var adapter = (LtSftMethod)bench.Add(new LtSftOptions { Keep = 0.01, FullPenalty = 0.5, SparsePenalty = 2 });
        var kept = adapter.TrainedWeights - adapter.HeadWeights;
        var all = bench.Sites.Count;
        Assert.Equal(2 * 0.25 * kept / all, PenaltyOf(0.25), 12);
        new TrainableAdapter(bench.Peft, adapter).Prepare(Data, 0);
        Assert.Equal(0.5 * 0.25 * (all - adapter.HeadWeights) / all, PenaltyOf(0.25), 12);

        // Every weight outside the head is moved up or down by as much, so the sum of distances is known.
        double PenaltyOf(double by)
        {
            using (no_grad())
                foreach (var tensor in adapter.Tensors.Where(t => !t.SavedModule).Select(t => t.Value))
                    tensor.Increase(arange(tensor.numel()).remainder(2).mul(2).sub(1).view(tensor.shape).to(ScalarType.Float64), by);
            var zero = new BatchLoss(zeros([], ScalarType.Float64), 1);
            return adapter.ComputeLoss(zero, default!).Mean.item<double>();
        }
    }

    // What an estimate measures is the phase that takes most memory; afterwards the adapter is as before.
    [Theory]
    [InlineData("lt-sft", 1)]
    [InlineData("diff-pruning", 2)]
    public void An_Estimate_Rehearses_The_First_Phase(string method, int numbersForEachWeight)
    {
        using var scope = NewDisposeScope();
        using var bench = new Bench("bert");
        var adapter = bench.Add(new UnionOptions { Parts = [MethodRegistry.Options(method), new LoraOptions { Rank = 2 }] });
        var model = new TrainableAdapter(bench.Peft, adapter);
        var before = model.Parameters.Select(p => (p.Name, Value: p.Value.clone())).ToList();
        var back = model.Rehearse()!;
        Assert.True(model.Parameters.Sum(p => p.Value.numel()) >= numbersForEachWeight * (bench.Sites.Count - adapter.HeadWeights));
        back();
        Assert.Equal(before.Select(b => b.Name).Order(), model.Parameters.Select(p => p.Name).Order());
        foreach (var (name, value) in before) Bits.AssertSame(value, model.Parameters.Single(p => p.Name == name).Value, name);
        Assert.Null(new TrainableAdapter(bench.Peft, bench.Add("fish", "other")).Rehearse());
    }

    [Fact]
    public void What_Cannot_Be_Is_Refused()
    {
        using var bench = new Bench("bert");
        foreach (var share in (double[])[0, 1, double.NaN])
            Refusal.Of(bench, () => bench.Add(new LtSftOptions { FullShare = share }), "full_share");
        Refusal.Of(bench, () => bench.Add(new LtSftOptions { FullPenalty = -1 }), "full_l1_reg");
        Refusal.Of(bench, () => bench.Add(new LtSftOptions { SparsePenalty = double.NaN }), "sparse_l1_reg");
        Refusal.Of(bench, () => bench.Add(new LtSftOptions { KeepNumber = 0 }), "keep_number");
        Refusal.Of(bench, () => bench.Add(new LtSftOptions { KeepNumber = 1 << 30 }), "keep_number", "1,073,741,824", "may be trained");
        Refusal.Of(bench, () => bench.Add(new LtSftOptions { KeepBy = "head" }), "keep_by", "\"head\"");
    }

    [Fact]
    public void Frozen_Kinds_Are_Never_Chosen()
    {
        using var bench = new Bench("bert");
        var adapter = (SparseMethod)bench.Add(new LtSftOptions { Keep = 1, FreezeEmbeddings = true, FreezeNorms = true });
        Assert.DoesNotContain(adapter.State.Keys, k => k.Contains("LayerNorm", StringComparison.Ordinal));
        Assert.DoesNotContain(adapter.State.Keys, k => k.Contains("embeddings.", StringComparison.Ordinal));
        Assert.Equal(adapter.Slots.Sum(s => s.Count), adapter.State.Values.Sum(p => p.numel()));
    }
}
