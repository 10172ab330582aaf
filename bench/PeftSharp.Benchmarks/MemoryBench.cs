using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Metrics;
using PeftSharp.Models;
using PeftSharp.Models.Heads;
using PeftSharp.Runs;
using PeftSharp.Sites;
using PeftSharp.Tokenization;
using PeftSharp.Training;

namespace PeftSharp.Benchmarks;

/// <summary>Where the memory of an SST-2 run goes: resident bytes after each phase, anonymous and file-backed apart.</summary>
internal static class MemoryBench
{
    public static void Run(string folder, string data, string compute)
    {
        Print("start");
        PeftSharp.Interop.LibTorch.EnsureLoaded();
        TorchSharp.torch.ones(3).Dispose();
        Print("libtorch");
        var model = new PeftModel(
            ModelLoader.Load(
                folder,
                new ModelOptions
                {
                    Task = TaskKind.Classification,
                    Labels = ["negative", "positive"],
                    Compute = compute == "fp32" ? ComputeType.Float32 : ComputeType.BFloat16,
                }));
        Print("model");
        var adapter = model.Add(new LoraOptions { Alpha = 16, Dropout = 0.1 });
        var task = GlueTask.Find("SST-2")!;
        var encoder = new TokenizerTextEncoder(Tokenizer.Load(folder));
        var train = TokenizedDataset.Create(task.LoadFrom(data, GlueSplit.Train, new DataOptions()).Take(10000), encoder, 128);
        var held = TokenizedDataset.Create(task.LoadFrom(data, GlueSplit.Dev, new DataOptions()), encoder, 128);
        GC.Collect(2, GCCollectionMode.Aggressive);
        Print("data");
        var training = new TrainableAdapter(model, adapter);
        var batches = new PlannedBatches(train, new BatchPlan(train.Lengths, 32, BatchOrder.Bucketed, 42));
        using var trainer = new Trainer(training, batches, new TrainerOptions { MaxSteps = 60, Evaluation = EvaluationMoment.Never });
        using var watch = new HeapWatch();
        trainer.Run();
        Print("60 steps");
        Console.WriteLine($"{"",-12} of libtorch's heap in use at most {watch.TakeMost() >> 20:N0} MB in these steps");
        new Evaluator(model, AdapterSelection.Of(adapter.Tag), held, MetricSet.Classification(2)).Evaluate();
        Print("evaluation");
    }

    private static void Print(string phase) => Console.WriteLine(
        $"{phase,-12} peak {ResidentMemory.Peak >> 20,5} MB, now {ResidentMemory.Now >> 20,5} = anonymous "
        + $"{ResidentMemory.Anonymous >> 20,5} + files {ResidentMemory.Files >> 20,5}; managed heap "
        + $"{GC.GetTotalMemory(false) >> 20,4}, committed {GC.GetGCMemoryInfo().TotalCommittedBytes >> 20,4}");
}
