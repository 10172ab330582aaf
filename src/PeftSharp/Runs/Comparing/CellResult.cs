using System.Text.Json;
using System.Text.Json.Nodes;
using PeftSharp.Runs.Results;

namespace PeftSharp.Runs.Comparing;

/// <summary>What a finished run of a comparison measured, read from its run.json.</summary>
/// <param name="Metric">Name of the metric that is compared.</param>
/// <param name="HigherIsBetter">True if more of it is better.</param>
/// <param name="Score">The metric's value on the held-out rows; NaN where it has none.</param>
/// <param name="Trained">Trained weights, head included.</param>
/// <param name="Percent">Their share of all weights, in percent.</param>
/// <param name="AdapterBytes">Bytes of the adapter's tensors on disk.</param>
/// <param name="PeakBytes">Most memory that the run's process held, in bytes.</param>
/// <param name="Seconds">Seconds of training, scoring included.</param>
/// <param name="SamplesPerSecond">Rows a second in training.</param>
/// <param name="EvaluationSamplesPerSecond">Rows a second in scoring.</param>
/// <param name="Compute">Precision of frozen weights.</param>
/// <param name="Processor">The processor.</param>
/// <param name="LearningRate">The highest learning rate.</param>
public sealed record CellResult(
    string Metric, bool HigherIsBetter, double Score, long Trained, double Percent, long AdapterBytes, long PeakBytes,
    double Seconds, double SamplesPerSecond, double? EvaluationSamplesPerSecond, string Compute, string Processor, double LearningRate)
{
    /// <summary>Seconds of the whole process.</summary>
    public double ProcessSeconds { get; init; }

    /// <summary>The loss on the scored rows; NaN where none is known.</summary>
    internal double Loss { get; init; } = double.NaN;

    /// <summary>The result in a folder; null where no run has finished.</summary>
    internal static CellResult? TryRead(string folder)
    {
        try
        {
            if (RunFile.TryRead(folder)?.Json is not { } run || run["interrupted"]?.GetValue<bool>() != false) return null;
            var metric = run["primary"]?.ToString();
            if (metric is null) return null;
            return new(
                metric, run["primary_higher_is_better"]?.GetValue<bool>() ?? true, Number(run["metrics"]?[metric]) ?? double.NaN,
                (long)Number(run["parameters"]?["trainable"])!, Number(run["parameters"]?["percent"])!.Value, Weights(folder),
                (long)Number(run["peak_memory_bytes"])!,
                Number(run["train_seconds"])!.Value, Number(run["samples_per_second"]) ?? double.NaN,
                Number(run["evaluation"]?["samples_per_second"]),
                $"{run["compute"]?["type"]}", $"{run["compute"]?["processor"]}", Number(run["settings"]?["learning_rate"]) ?? double.NaN)
            {
                ProcessSeconds = Number(run["seconds"])!.Value,
                Loss = Number(run["metrics"]?["loss"]) ?? double.NaN,
            };
        }
        catch (Exception e) when (e is PeftException or JsonException or InvalidOperationException or FormatException)
        {
            return null; // damaged: it is run again
        }
    }

    private static double? Number(JsonNode? node) => node is JsonValue value && value.TryGetValue<double>(out var number) ? number : null;

    private static long Weights(string folder) => Directory.GetFiles(folder, "*.safetensors").Sum(f => new FileInfo(f).Length);
}
