using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Formats;
using PeftSharp.Methods;
using PeftSharp.Runs;
using PeftSharp.Runs.Estimates;
using PeftSharp.Training;

namespace PeftSharp.Tests.Docs;

/// <summary>The snippet of docs/estimates.md.</summary>
internal static class EstimatesSnippet
{
    internal static bool Fits(PeftModel model, PeftMethod adapter, TokenizedDataset rows)
    {
        var plan = new BatchPlan(rows.Lengths, batchSize: 16, BatchOrder.Bucketed, seed: 42);
        var estimate = RunEstimate.Create(new TrainableAdapter(model, adapter), rows, plan, new TrainerOptions { Epochs = 3 },
            model.Model.Width, evaluator: null);
        Console.WriteLine($"{estimate.Forecast.Steps} steps, {estimate.Memory.Peak >> 20} MB, {estimate.Time.Total.Expected:0} s");
        foreach (var (file, bytes) in AdapterFolder.Files(adapter, AdapterFormat.Peft)) Console.WriteLine($"{file}: {bytes} bytes");
        return !estimate.ExceedsMemory;
    }
}
