using PeftSharp.Methods;
using PeftSharp.Methods.Hybrid.Union;
using PeftSharp.Methods.Partial.LtSft;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Runs;
using PeftSharp.Tests.Files;
using PeftSharp.Tests.Matrix;
using PeftSharp.Tests.Training;
using PeftSharp.Training;
using PeftSharp.Training.Resume;

namespace PeftSharp.Tests.Methods.Partial;

/// <summary>Partial methods with phases, stopped in any of them and taken up from the disk: the same bits as never stopped.</summary>
public sealed class PhasedResumeTests
{
    private static Batches Data => new([TinyModels.Rows([0, 1], 9), TinyModels.Rows([2, 3], 9)]);

    private static readonly string[] Methods =
        ["lt-sft", "diff-pruning", "gradual-unfreezing", "chain-thaw", "surgical", "surgical-block", "sam", "lora|lt-sft"];

    public static TheoryData<string, int> Cases => new(
        from method in Methods
        from step in (int[])[2, 5, 6]
        select (method, step));

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_Run_Goes_On_In_Its_Phase(string method, int stopAt)
    {
        MethodOptions settings = method == "lora|lt-sft"
            ? new UnionOptions { Parts = [new LoraOptions { Rank = 2 }, new LtSftOptions { Keep = 0.02 }] }
            : MethodRegistry.Options(method);
        var options = new TrainerOptions { LearningRate = 0.005, MaxSteps = 10, Seed = 9, WeightDecay = 0.01 };
        using Bench whole = new("bert"), first = new("bert"), second = new("bert");
        PeftMethod unbroken = whole.Add(settings), begun = first.Add(settings), resumed = second.Add(settings);
        using var straight = new Trainer(new TrainableAdapter(whole.Peft, unbroken), Data, options);
        straight.Run();
        using var folder = new TempFolder();
        var store = new CheckpointStore(folder.File("checkpoints"));
        using (var stop = new CancellationTokenSource())
        using (
            var trainer = new Trainer(
                new TrainableAdapter(first.Peft, begun), Data, options, null, new Recorder(r => { if (r.Step == stopAt) stop.Cancel(); }),
                new CheckpointWriter(store, new([], ""))))
            Assert.True(trainer.Run(stop.Token).Stopped);
        using var checkpoint = store.Newest()!;
        using var going = new Trainer(new TrainableAdapter(second.Peft, resumed), Data, options);
        going.Import(checkpoint.Snapshot);
        going.Run();
        Assert.Equal(unbroken.Tensors.Select(t => (t.Name, t.RateFactor)), resumed.Tensors.Select(t => (t.Name, t.RateFactor)));
        foreach (var (a, b) in unbroken.Tensors.Zip(resumed.Tensors)) Bits.AssertSame(a.Value, b.Value, a.Name);
        foreach (var (name, value) in straight.Optimizer.State) Bits.AssertSame(value, going.Optimizer.State[name], name);
        Bits.AssertSame(whole.Logits(unbroken), second.Logits(resumed), "The output of the resumed adapter");
    }
}
