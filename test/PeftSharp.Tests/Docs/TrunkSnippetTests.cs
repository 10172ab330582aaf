using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Evaluation;
using PeftSharp.Methods;
using PeftSharp.Sites;
using PeftSharp.Tests.Composition;
using PeftSharp.Training;

namespace PeftSharp.Tests.Docs;

/// <summary>The snippet of docs/trunk.md, word for word, and run.</summary>
public sealed class TrunkSnippetTests
{
    [Fact]
    public void The_Snippet_Is_The_Code_Below()
    {
        var root = new DirectoryInfo(AppContext.BaseDirectory);
        while (root is not null && !File.Exists(Path.Combine(root.FullName, "PeftSharp.slnx"))) root = root.Parent;
        Assert.SkipWhen(root is null, "The repository is not above the test's folder.");
        var code = File.ReadAllText(Path.Combine(root.FullName, "docs", "trunk.md")).Split("```csharp\n")[1].Split("```")[0];
        Assert.Contains(Squeeze(code), Squeeze(File.ReadAllText(Path.Combine(root.FullName, "test", "PeftSharp.Tests", "Docs", "TrunkSnippetTests.cs"))));
    }

    [Fact]
    public void It_Trains()
    {
        using var bench = TrunkBench.Of("bert", "lora")!;
        var (plan, result) = Snippet(bench.Model, bench.Adapter, bench.Data, bench.More());
        Assert.Equal((1, 2), (plan.Depth, plan.Layers));
        Assert.Equal(3, result.Steps);
        Assert.True(double.IsFinite(result.Evaluation!.Values["loss"]));
    }

    private static (TrunkPlan, TrainingResult) Snippet(PeftModel model, PeftMethod adapter, TokenizedDataset train, TokenizedDataset dev)
    {
        var selection = AdapterSelection.Of(adapter.Tag);
        var plan = new TrunkPlan(model, selection, [train, dev]);   // or a PeftException: the adapter acts in the first layer
        Console.WriteLine($"{plan.QuietLayers} of {plan.Layers} layers, {plan.Bytes:N0} bytes in {plan.Folder}");
        using var trunk = TrunkCache.Build(plan);
        var batches = new PlannedBatches(trunk[train], new BatchPlan(train.Lengths, batchSize: 32, BatchOrder.Bucketed, seed: 42));
        var evaluator = new Evaluator(model, selection, dev, MetricSet.For(dev.Data)) { Source = trunk[dev] };
        using var trainer = new Trainer(new TrainableAdapter(model, adapter), batches, new TrainerOptions { Epochs = 3 }, evaluator);
        var result = trainer.Run();
        return (plan, result);
    }

    private static string Squeeze(string text) => string.Join(' ', text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
}
