using PeftSharp.Composition;
using PeftSharp.Interop;
using PeftSharp.Methods.Partial.Fish;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using PeftSharp.Runs;
using static TorchSharp.torch;

namespace PeftSharp.Benchmarks;

/// <summary>What choosing by importance takes at its peak beside the model: one score for each weight, and how much besides.</summary>
internal static class ScoreMemoryBench
{
    public static void Run(string folder, int examples, int tokens)
    {
        var options = new ModelOptions { Task = TaskKind.Classification, Labels = ["a", "b"], Compute = ComputeType.Float32 };
        using var model = new PeftModel(ModelLoader.Load(folder, options));
        var weights = model.Model.Sites.Count;
        var data = new RandomExamples(examples, tokens);
        // What is made once (compiled code, kernels) is made here, and the mapped file is in memory.
        new TrainableAdapter(model, model.Add(new FishOptions(), "first")).Prepare(data, 0);
        model.Remove("first");
        var trained = new TrainableAdapter(model, model.Add(new FishOptions()));
        foreach (var slot in model.Model.Sites.Slots)
            using (slot.Value.sum()) { }
        GC.Collect();
        GC.WaitForPendingFinalizers();
        NativeHeap.Trim();
        ResidentMemory.Reset();
        var before = ResidentMemory.Peak;
        trained.Prepare(data, 0);
        var (taken, scores) = (ResidentMemory.Peak - before, 4.0 * weights);
        Console.WriteLine(
            $"{weights:N0} weights, {examples} examples of {tokens} tokens: {taken:N0} bytes at the peak beside the model; one score "
            + $"for each weight {scores:N0}, the rest {(taken - scores) / scores:0.00} of it");
    }
}
