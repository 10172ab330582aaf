using System.Text.Json.Nodes;
using PeftSharp.Files.Json;

namespace PeftSharp.Runs.Comparing;

/// <summary>A method on a dataset over all seeds that finished.</summary>
/// <param name="Dataset">Name of the dataset.</param>
/// <param name="Method">Name of the method.</param>
/// <param name="Results">One result a seed that finished, in the order of the seeds; at least one.</param>
/// <param name="Planned">Seeds planned.</param>
public sealed record MethodSummary(string Dataset, string Method, IReadOnlyList<CellResult> Results, int Planned)
{
    /// <summary>Mean score over the seeds that finished.</summary>
    public double Mean => Results.Average(r => r.Score);

    /// <summary>Sample standard deviation; null for one seed.</summary>
    public double? Deviation =>
        Results.Count < 2 ? null : Math.Sqrt(Results.Sum(r => (r.Score - Mean) * (r.Score - Mean)) / (Results.Count - 1));

    /// <summary>The result of the first seed: what all seeds have in common stands there.</summary>
    public CellResult First => Results[0];

    /// <summary>One a method and dataset, best first within a dataset; methods of which nothing finished are left out.</summary>
    internal static IReadOnlyList<MethodSummary> Of(IEnumerable<(Cell Cell, CellResult? Result)> cells) =>
        [.. cells.Where(c => !c.Cell.IsSearch).GroupBy(c => c.Cell.Dataset).SelectMany(dataset => dataset.GroupBy(c => c.Cell.Method)
            .Select(g => new MethodSummary(dataset.Key, g.Key, [.. g.Select(c => c.Result).OfType<CellResult>()], g.Count()))
            .Where(s => s.Results.Count > 0)
            .OrderByDescending(s => s.First.HigherIsBetter ? s.Mean : -s.Mean))];

    internal JsonObject Json() => new()
    {
        ["dataset"] = Dataset,
        ["method"] = Method,
        ["metric"] = First.Metric,
        ["score"] = JsonText.Number(Mean),
        ["deviation"] = Deviation is { } deviation ? JsonText.Number(deviation) : null,
        ["seeds"] = Results.Count,
        ["seeds_planned"] = Planned,
        ["trainable"] = First.Trained,
        ["percent"] = First.Percent,
        ["adapter_bytes"] = First.AdapterBytes,
        ["learning_rate"] = First.LearningRate,
        ["peak_memory_bytes"] = Average(r => r.PeakBytes),
        ["seconds"] = Average(r => r.Seconds),
        ["samples_per_second"] = JsonText.Number(Average(r => r.SamplesPerSecond)),
        ["evaluation_samples_per_second"] = Results.All(r => r.EvaluationSamplesPerSecond is not null)
            ? JsonText.Number(Average(r => r.EvaluationSamplesPerSecond!.Value))
            : null,
        ["compute"] = First.Compute,
    };

    /// <summary>The mean of a figure over the seeds.</summary>
    public double Average(Func<CellResult, double> of) => Results.Average(of);
}
