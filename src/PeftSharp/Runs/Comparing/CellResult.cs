using System.Text.Json;
using System.Text.Json.Nodes;
using PeftSharp.Runs.Results;

namespace PeftSharp.Runs.Comparing;

/// <summary>What a finished cell measured, read from its run.json.</summary>
internal sealed record CellResult(
    string Metric, bool HigherIsBetter, double Score, long Trained, double Percent, long AdapterBytes, long PeakBytes,
    double Seconds, double SamplesPerSecond, double? EvaluationSamplesPerSecond, string Compute, string Processor, double LearningRate)
{
    /// <summary>Seconds of the whole process.</summary>
    public double ProcessSeconds { get; init; }

    /// <summary>The result in a folder; null where no run has finished.</summary>
    public static CellResult? TryRead(string folder)
    {
        try
        {
            if (RunFile.TryRead(folder)?.Json is not { } run || run["interrupted"]?.GetValue<bool>() != false) return null;
            var metric = run["primary"]?.ToString();
            if (metric is null) return null;
            return new(
                metric, run["primary_higher_is_better"]?.GetValue<bool>() ?? true, Number(run["metrics"]?[metric]) ?? double.NaN,
                (long)Number(run["parameters"]?["trainable"])!, Number(run["parameters"]?["percent"])!.Value, Weights(folder), (long)Number(run["peak_memory_bytes"])!,
                Number(run["train_seconds"])!.Value, Number(run["samples_per_second"]) ?? double.NaN, Number(run["evaluation"]?["samples_per_second"]),
                $"{run["compute"]?["type"]}", $"{run["compute"]?["processor"]}", Number(run["settings"]?["learning_rate"]) ?? double.NaN)
            {
                ProcessSeconds = Number(run["seconds"])!.Value,
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
