using PeftSharp.Benchmarks;
using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Interop;
using PeftSharp.Methods.Partial.Fish;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using PeftSharp.Runs;
using PeftSharp.Tests.Matrix;
using static TorchSharp.torch;

namespace PeftSharp.Tests.Methods.Partial;

/// <summary>
/// What choosing weights and training them takes beside the model: one score for each weight, and nothing of the model's size in a step.
/// </summary>
/// <remarks>The bounds stand far from what is measured (`bench score-memory` tells it): how much an allocator keeps differs.</remarks>
[Collection(nameof(CountingTensors))]
public sealed class ScoreMemoryTests
{
    [Fact]
    public void The_Gradients_Of_All_Weights_Are_Not_Alive_At_Once_While_Weights_Are_Chosen()
    {
        using var model = Model();
        var bytes = 4 * model.Model.Sites.Count;
        var data = new Batches([.. Enumerable.Range(0, 3).Select(i => Texts(i))]);
        // What is made once (compiled code, kernels) is made here, and the mapped file is in memory.
        new TrainableAdapter(model, model.Add(new FishOptions(), "first")).Prepare(data, 0);
        model.Remove("first");
        var fish = (FishMethod)model.Add(new FishOptions());
        var trained = new TrainableAdapter(model, fish);
        foreach (var slot in model.Model.Sites.Slots)
            using (slot.Value.sum()) { }
        var taken = Growth(() => trained.Prepare(data, 0));
        Assert.Equal("empirical", fish.ChosenBy);
        // With the gradients of all weights it would be twice the model at least.
        Assert.True(taken < 0.85 * bytes + bytes, $"{taken:N0} bytes beside a model of {bytes:N0}.");
        Assert.True(taken > 0.5 * bytes, $"{taken:N0} bytes are less than the scores: the peak was not measured.");
    }

    [Fact]
    public void A_Step_Makes_No_Copies_Or_Gradients_Of_The_Whole_Tensors_That_It_Trains_Entries_Of()
    {
        using var model = Model();
        var bytes = 4 * model.Model.Sites.Count;
        var fish = model.Add(new FishOptions { KeepBy = "tensor" });
        var trained = new TrainableAdapter(model, fish);
        trained.Prepare(new Batches([Texts(0)]), 0);
        using var batch = Texts(1);
        void Step()
        {
            using var scope = NewDisposeScope();
            AutogradFailures.Backward(trained.Loss(batch, new StepState(0, 0, 10, 1, 0.01)).Mean);
        }
        Step();
        var taken = Growth(Step);
        Assert.All(fish.Tensors, tensor => Assert.NotNull(tensor.Value.grad));
        // A copy of each tensor, kept for the backward pass, would be the whole model, and the gradient of the largest table half of it.
        Assert.True(taken < 0.85 * bytes, $"{taken:N0} bytes beside a model of {bytes:N0}.");
    }

    private static PeftModel Model()
    {
        var folder = TestPaths.RequireShared("models", "all-MiniLM-L6-v2");
        Assert.SkipUnless(File.Exists("/proc/self/clear_refs"), "The peak of a process can be set back on Linux alone.");
        return new(ModelLoader.Load(folder, new ModelOptions { Task = TaskKind.Classification, Labels = ["no", "yes"] }));
    }

    // Bytes that the process has more at its peak than before.
    private static long Growth(Action work)
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        NativeHeap.Trim();
        ResidentMemory.Reset();
        var before = ResidentMemory.Peak;
        work();
        return ResidentMemory.Peak - before;
    }

    private static TokenBatch Texts(int seed)
    {
        long[] ids = [.. Enumerable.Range(0, 40).Select(i => 1000L + (i * 37 + seed * 11) % 20_000)];
        return new()
        {
            InputIds = tensor(ids, [1, 40]),
            AttentionMask = ones([1, 40], ScalarType.Int64),
            TokenTypeIds = zeros([1, 40], ScalarType.Int64),
            Labels = tensor((long[])[seed % 2]),
            RealTokens = 40,
            Unpadded = true,
        };
    }
}
