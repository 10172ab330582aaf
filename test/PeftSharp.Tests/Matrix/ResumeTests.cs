using System.Text.Json.Nodes;
using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Methods;
using PeftSharp.Models.Heads;
using PeftSharp.Runs;
using PeftSharp.Sites;
using PeftSharp.Tests.Files;
using PeftSharp.Tests.Training;
using PeftSharp.Training;
using PeftSharp.Training.Resume;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Matrix;

/// <summary>Law 9: stopped, written to the disk and taken up again equals never stopped, bit for bit.</summary>
public sealed class ResumeTests
{
    private static readonly TrainerOptions Options = new()
    {
        LearningRate = 0.01,
        MaxSteps = 6,
        Accumulation = 2,
        Seed = 5,
        Evaluation = EvaluationMoment.Steps,
        EvaluationSteps = 1,
        LoadBest = true,
    };

    [Theory]
    [MemberData(nameof(MatrixCases.Two), MemberType = typeof(MatrixCases))]
    public void Stopped_On_Disk_And_Taken_Up_Equals_Never_Stopped(string architecture, string method)
    {
        using var folder = new TempFolder();
        var store = new CheckpointStore(folder.File("checkpoints"));
        using Bench whole = new(architecture), first = new(architecture), second = new(architecture);
        PeftMethod unbroken = whole.Add(method), begun = first.Add(method), resumed = second.Add(method);
        using var straight = Trainer(whole, unbroken);
        straight.Run();
        using (var stop = new CancellationTokenSource())
        using (
            var trainer =
                Trainer(first, begun, new Recorder(r => { if (r.Step == 3) stop.Cancel(); }), new CheckpointWriter(store, new([], ""))))
            trainer.Run(stop.Token);

        // It has moved on its own before: whatever the checkpoint fails to hold would show.
        second.Train(resumed, steps: 2, training: true);
        using var checkpoint = store.Newest()!;
        using var going = Trainer(second, resumed);
        going.Import(checkpoint.Snapshot);
        Assert.Equal(6, going.Run().Steps);
        foreach (var (a, b) in unbroken.Tensors.Zip(resumed.Tensors)) Bits.AssertSame(a.Value, b.Value, a.Name);
        foreach (var (name, value) in unbroken.State) Bits.AssertSame(value, resumed.State[name], name);
        Assert.True(JsonNode.DeepEquals(unbroken.StateJson, resumed.StateJson));
        foreach (var (name, value) in straight.Optimizer.State) Bits.AssertSame(value, going.Optimizer.State[name], name);
        Assert.Equal(
            straight.State with { Seconds = 0, StepSeconds = 0, LastEvaluation = null, BestEvaluation = null },
            going.State with { Seconds = 0, StepSeconds = 0, LastEvaluation = null, BestEvaluation = null });
        Bits.AssertSame(whole.Logits(unbroken), second.Logits(resumed), "The output of the resumed adapter");
    }

    private static Trainer Trainer(Bench bench, PeftMethod adapter, params ITrainingObserver[] observers) =>
        new(new TrainableAdapter(bench.Peft, adapter), new Rows(bench.Task), Options, new LossOf(bench, adapter), observers);

    /// <summary>One row a batch, in an order that depends on the epoch.</summary>
    private sealed class Rows(TaskKind task) : IBatchSource
    {
        public int Examples => 4;

        public int BatchesPerEpoch => 4;

        public TokenBatch Batch(int epoch, int index) => TinyModels.Batch((index + epoch) % 4, task);
    }

    /// <summary>The loss of the whole batch, lower being better.</summary>
    private sealed class LossOf(Bench bench, PeftMethod adapter) : IEvaluator
    {
        public EvaluationResult Evaluate(CancellationToken cancellation = default)
        {
            using var guard = no_grad();
            using var scope = NewDisposeScope();
            return new(new Dictionary<string, double> { ["loss"] = bench.Loss(adapter).item<float>() }, "loss", false, 4, 0);
        }
    }
}
