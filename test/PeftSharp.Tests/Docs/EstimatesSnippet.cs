using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Formats;
using PeftSharp.Methods;
using PeftSharp.Methods.Reparameterized.Lora;
using PeftSharp.Models;
using PeftSharp.Runs;
using PeftSharp.Runs.Estimates;
using PeftSharp.Runs.Estimates.Shapes;
using PeftSharp.Training;

namespace PeftSharp.Tests.Docs;

/// <summary>The snippets of docs/estimates.md.</summary>
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

    internal static void Counted()
    {
        var estimate = ShapeEstimate.Of(
            ModelConfig.ReadFile("config.json"), new LoraOptions { Rank = 16 },
            new ShapeEstimateOptions { BatchSize = 4, Length = 512, Quantize = new Nf4Options(64, true), Checkpointing = true });
        foreach (var line in estimate.Memory) Console.WriteLine($"{line.Name}: {line.Bytes} = {line.Formula}");
    }
}
