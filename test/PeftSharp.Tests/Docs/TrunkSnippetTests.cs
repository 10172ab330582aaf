using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Methods;
using PeftSharp.Metrics;
using PeftSharp.Runs;
using PeftSharp.Runs.Trunk;
using PeftSharp.Sites;
using PeftSharp.Tests.Composition;
using PeftSharp.Training;

namespace PeftSharp.Tests.Docs;

/// <summary>The snippet of docs/trunk.md, run.</summary>
public sealed class TrunkSnippetTests
{
    [Fact]
    public void It_Trains()
    {
        using var bench = TrunkBench.Of("bert", "lora")!;
        var (plan, result) = Snippet(bench.Model, bench.Adapter, bench.Data, bench.More());
        Assert.Equal((1, 2), (plan.Depth, plan.Layers));
        Assert.StartsWith("1 of 2 layers, ", Assert.Single(Console.Lines));
        Assert.Equal(3, result.Steps);
        Assert.True(double.IsFinite(result.Evaluation!.Values["loss"]));
    }

    /// <summary>Hears what the snippet prints, which has no place in the tests' report.</summary>
    private static class Console
    {
        public static List<string> Lines { get; } = [];

        public static void WriteLine(string line) => Lines.Add(line);
    }

    private static (TrunkPlan, TrainingResult) Snippet(PeftModel model, PeftMethod adapter, TokenizedDataset train, TokenizedDataset dev)
    {
        var selection = AdapterSelection.Of(adapter.Tag);
        var plan = new TrunkPlan(model, selection, [train, dev]);   // or a PeftException: the adapter acts in the first layer
        Console.WriteLine($"{plan.LayersWithoutDropout} of {plan.Layers} layers, {plan.Bytes:N0} bytes in {plan.Folder}");
        using var trunk = TrunkCache.Build(plan);
        var batches = new PlannedBatches(trunk[train], new BatchPlan(train.Lengths, batchSize: 32, BatchOrder.Bucketed, seed: 42));
        var evaluator = new Evaluator(model, selection, dev, MetricSet.For(dev.Data)) { Source = trunk[dev] };
        using var trainer = new Trainer(new TrainableAdapter(model, adapter), batches, new TrainerOptions { Epochs = 3 }, evaluator);
        var result = trainer.Run();
        return (plan, result);
    }
}
