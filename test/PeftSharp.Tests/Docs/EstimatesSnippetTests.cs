using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Evaluation.Estimates;
using PeftSharp.Formats;
using PeftSharp.Methods;
using PeftSharp.Training;

namespace PeftSharp.Tests.Docs;

/// <summary>The snippet of docs/estimates.md, word for word: that it stands here is what compiles it.</summary>
public sealed class EstimatesSnippetTests
{
    [Fact]
    public void The_Snippet_Is_The_Code_Below()
    {
        var root = new DirectoryInfo(AppContext.BaseDirectory);
        while (root is not null && !File.Exists(Path.Combine(root.FullName, "PeftSharp.slnx"))) root = root.Parent;
        Assert.SkipWhen(root is null, "The repository is not above the test's folder.");
        var code = File.ReadAllText(Path.Combine(root.FullName, "docs", "estimates.md")).Split("```csharp\n")[1].Split("```")[0];
        Assert.Contains(Squeeze(code), Squeeze(File.ReadAllText(Path.Combine(root.FullName, "test", "PeftSharp.Tests", "Docs", "EstimatesSnippetTests.cs"))));
    }

    internal static bool Fits(PeftModel model, PeftMethod adapter, TokenizedDataset rows)
    {
        var plan = new BatchPlan(rows.Lengths, batchSize: 16, BatchOrder.Bucketed, seed: 42);
        var estimate = RunEstimate.Create(new TrainableAdapter(model, adapter), rows, plan, new TrainerOptions { Epochs = 3 }, model.Model.Width, evaluator: null);
        Console.WriteLine($"{estimate.Forecast.Steps} steps, {estimate.Memory.Peak >> 20} MB, {estimate.Time.Total.Expected:0} s");
        foreach (var (file, bytes) in AdapterFolder.Files(adapter, AdapterFormat.Peft)) Console.WriteLine($"{file}: {bytes} bytes");
        return !estimate.ExceedsMemory;
    }

    private static string Squeeze(string text) => string.Join(' ', text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
}
