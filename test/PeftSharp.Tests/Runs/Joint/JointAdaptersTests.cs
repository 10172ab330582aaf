using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Methods;
using PeftSharp.Methods.Additive.MultitaskPrompt;
using PeftSharp.Methods.Partial.BitFit;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using PeftSharp.Runs;
using PeftSharp.Runs.Joint;
using PeftSharp.Sites;
using PeftSharp.Tests.Files;
using PeftSharp.Tests.Matrix;
using PeftSharp.Training;
using PeftSharp.Training.Resume;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Runs.Joint;

/// <summary>One adapter and several heads: who gets which gradient, what a step leaves alone, how a resumed run ends.</summary>
public sealed class JointAdaptersTests
{
    private static readonly SharedTask[] Three =
        [new("first", ["no", "maybe", "yes"]), new("second", ["good", "bad"]), new("number", IsNumber: true)];

    private static readonly TrainerOptions Options = new() { LearningRate = 0.01, MaxSteps = 9, Accumulation = 2, Seed = 5 };

    [Fact]
    public void A_Step_Of_Several_Tasks_Is_The_Mean_Over_All_Their_Rows()
    {
        using var bench = new Bench("llama", ScalarType.Float64); // no dropout of the head
        var shared = Create(bench);
        var model = new JointAdapters(bench.Peft, shared.Tasks, new() { BaseDropout = false });
        // By hand: each task's loss through its own selection, weighted by its rows.
        var expected = new Dictionary<string, Tensor>();
        long[] counts = [4, 2, 1];
        using (var scope = NewDisposeScope())
        {
            var sum = zeros([], ScalarType.Float64);
            for (var task = 0; task < 3; task++)
            {
                var batch = BatchOf(task, (int)counts[task]);
                var logits = bench.Peft.Model.Forward(batch, new() { Selection = shared.Tasks[task].Selection }).Logits;
                var loss = task == 2 ? nn.functional.mse_loss(logits.squeeze(-1), batch.Labels!.to(ScalarType.Float64))
                    : nn.functional.cross_entropy(logits, batch.Labels!);
                sum = sum + loss * counts[task];
            }
            (sum / counts.Sum()).Backpropagate();
            foreach (var p in model.Parameters)
            {
                expected[p.Name] = p.Value.grad!.clone().DetachFromDisposeScope();
                p.Value.grad = null;
            }
        }
        Dictionary<string, Tensor> seen = [];
        var look = new Looking(model, () =>
        {
            foreach (var p in model.Parameters) seen[p.Name] = p.Value.grad!.clone().DetachFromDisposeScope();
        });
        var three = new Fixed([BatchOf(0, 4), BatchOf(1, 2), BatchOf(2, 1)]);
        var once = new TrainerOptions { MaxSteps = 1, Accumulation = 3, MaxGradientNorm = 0, TokensPerPass = 20 };
        using (var trainer = new Trainer(look, three, once)) trainer.Run();
        Assert.Equal(expected.Keys, seen.Keys);
        foreach (var (name, value) in expected) Bits.AssertClose(value, seen[name], 1e-12, name);
    }

    [Fact]
    public void A_Task_Trains_What_Is_Shared_And_Its_Own_Head_Alone()
    {
        using var bench = new Bench("bert");
        var shared = Create(bench);
        var before = bench.BaseTensors();
        var values = shared.Tasks.SelectMany(task => task.Adapters).Distinct()
            .ToDictionary(adapter => adapter, adapter => adapter.Tensors.Select(t => t.Value.clone()).ToList());
        using (var trainer = new Trainer(new JointAdapters(bench.Peft, shared.Tasks), new Fixed([BatchOf(1, 4)]), Options)) trainer.Run();
        foreach (var (adapter, old) in values)
        {
            var moved = adapter.Tensors.Zip(old).All(pair => !Bits.Same(pair.First.Value, pair.Second));
            var still = adapter.Tensors.Zip(old).All(pair => Bits.Same(pair.First.Value, pair.Second));
            Assert.True(adapter == shared.Adapter || adapter == shared.Tasks[1].Answering ? moved : still, adapter.Name);
        }
        Bits.AssertSame(before, bench.BaseTensors());
    }

    [Fact]
    public void A_Tensor_Of_Several_Adapters_Is_Trained_Once()
    {
        using var bench = new Bench("bert");
        PeftMethod a = bench.Add(new BitFitOptions(), "a"), b = bench.Add(new LoraOptions(), "b");
        JointTask[] tasks = [new("first", a, b), new("second", b)];
        var model = new JointAdapters(bench.Peft, tasks);
        Assert.Equal(a.Tensors.Count + b.Tensors.Count, model.Parameters.Count);
        Assert.Equal(model.Parameters.Count, model.Parameters.Select(p => p.Name).Distinct().Count());
    }

    [Theory]
    [InlineData("lora")]
    [InlineData("adalora")]
    [InlineData("multitask-prompt")]
    public void Stopped_On_Disk_And_Taken_Up_Equals_Never_Stopped(string method)
    {
        using var folder = new TempFolder();
        var store = new CheckpointStore(folder.File("checkpoints"));
        using Bench whole = new("bert"), first = new("bert"), second = new("bert");
        var unbroken = Create(whole, method);
        using var straight = Train(whole, unbroken);
        straight.Run();
        using (var stop = new CancellationTokenSource())
        using (var trainer = Train(first, Create(first, method), new Stopper(stop, 4), new CheckpointWriter(store, new([], ""))))
            trainer.Run(stop.Token);
        var resumed = Create(second, method);
        using var checkpoint = store.Newest()!;
        using var going = Train(second, resumed);
        going.Import(checkpoint.Snapshot);
        Assert.Equal(9, going.Run().Steps);
        for (var task = 0; task < 3; task++)
        {
            PeftMethod a = unbroken.Extract(task), b = resumed.Extract(task);
            foreach (var (x, y) in a.Tensors.Zip(b.Tensors)) Bits.AssertSame(x.Value, y.Value, x.Name);
            Bits.AssertSame(whole.Logits(a), second.Logits(b), $"The output of task {task}");
            using var batch = TinyModels.Batch();
            batch.Task = task; // what depends on the task, the batch says
            Bits.AssertSame(whole.Logits(batch, unbroken.Tasks[task].Selection), whole.Logits(a), $"The answer of task {task}");
        }
        foreach (var (name, value) in straight.Optimizer.State) Bits.AssertSame(value, going.Optimizer.State[name], name);
    }

    [Fact]
    public void Multitask_Prompts_Train_The_Factors_Of_The_Batch_That_They_See()
    {
        using var bench = new Bench("bert");
        var shared = Create(bench, "multitask-prompt");
        var columns = shared.Adapter.Tensors.Single(t => t.Local == "prefix_task_cols").Value;
        Assert.Equal(3, columns.shape[0]);
        using var before = columns.detach().clone();
        using (var trainer = new Trainer(
            new JointAdapters(bench.Peft, shared.Tasks), new Fixed([BatchOf(1, 4)]), Options with { WeightDecay = 0 }))
            trainer.Run();
        for (var task = 0; task < 3; task++) Assert.Equal(task != 1, Bits.Same(before[task], columns[task]));
        Assert.Equal(2, ((MultitaskPromptOptions)shared.Extract(2).Options).Task);
    }

    [Fact]
    public void What_Makes_No_Sense_Is_Refused()
    {
        using var bench = new Bench("bert");
        var shared = Create(bench);
        var before = bench.Plugins;
        var model = new JointAdapters(bench.Peft, shared.Tasks);
        using var homeless = TinyModels.Batch();
        Assert.Contains("belongs to no task", Assert.Throws<PeftException>(() => model.Loss(homeless, default!)).Message);
        homeless.Task = 7;
        Assert.Contains("belongs to task 7, and the run has 3", Assert.Throws<PeftException>(() => model.Loss(homeless, default!)).Message);
        Assert.Contains(
            "Two tasks are called \"first\"",
            Assert.Throws<PeftException>(() => new JointAdapters(bench.Peft, [shared.Tasks[0], shared.Tasks[0]])).Message);
        Assert.Contains("nothing that tasks could share", Assert.Throws<PeftException>(() => Create(bench, "head", "other")).Message);
        Assert.Contains("There is an adapter \"shared\" already", Assert.Throws<PeftException>(() => Create(bench)).Message);
        Assert.Equal((before, 4), (bench.Plugins, bench.Peft.Adapters.Count));
    }

    private static SharedAdapter Create(Bench bench, string method = "lora", string name = "shared") =>
        new(bench.Peft, TinySettings.Of(method), Three, name, 11);

    private static Trainer Train(Bench bench, SharedAdapter shared, params ITrainingObserver[] observers) =>
        new(
            new JointAdapters(bench.Peft, shared.Tasks),
            new JointBatches([.. Enumerable.Range(0, 3).Select(task => new Fixed([BatchOf(task, 2), BatchOf(task, 4)]))], 2, 3), Options,
            null, observers);

    private static TokenBatch BatchOf(int task, int rows)
    {
        var batch = TinyModels.Rows([.. Enumerable.Range(0, rows)], 9, task: task == 2 ? TaskKind.Regression : TaskKind.Classification);
        if (task == 1) batch = Relabelled(batch, tensor(Enumerable.Range(0, rows).Select(row => row % 2L).ToArray()));
        batch.Task = task;
        return batch;
    }

    private static TokenBatch Relabelled(TokenBatch batch, Tensor labels) => new()
    {
        InputIds = batch.InputIds,
        AttentionMask = batch.AttentionMask,
        TokenTypeIds = batch.TokenTypeIds,
        Labels = labels,
        RealTokens = batch.RealTokens,
    };

    private sealed class Fixed(IReadOnlyList<TokenBatch> batches) : IBatchSource
    {
        public int Examples => batches.Sum(batch => batch.Rows);

        public int BatchesPerEpoch => batches.Count;

        // The trainer disposes what it gets.
        public TokenBatch Batch(int epoch, int index) => batches[index].Repeat(1);
    }

    private sealed class Stopper(CancellationTokenSource source, long step) : ITrainingObserver
    {
        public void StepCompleted(StepReport report)
        {
            if (report.Step == step) source.Cancel();
        }
    }

    private sealed class Looking(JointAdapters inner, Action look) : ITrainingModel
    {
        public IReadOnlyList<TrainableParameter> Parameters => inner.Parameters;

        public IReadOnlyDictionary<string, Tensor> MethodState => inner.MethodState;

        public PeftSharp.BatchLoss Loss(TokenBatch batch, StepState state) => inner.Loss(batch, state);

        public void AfterBackward(StepState state)
        {
            look();
            inner.AfterBackward(state);
        }

        public void BeforeStep(StepState state) => inner.BeforeStep(state);

        public void AfterStep(StepState state) => inner.AfterStep(state);
    }
}
