using System.Globalization;
using System.Text.Json.Nodes;
using PeftSharp.Cli.Terminal;

namespace PeftSharp.Cli.Comparing;

/// <summary>A method on a dataset over all seeds that finished.</summary>
internal sealed record Summary(string Dataset, string Method, IReadOnlyList<CellResult> Results, int Planned)
{
    public double Mean => Results.Average(r => r.Score);

    /// <summary>Sample standard deviation; null for one seed.</summary>
    public double? Deviation => Results.Count < 2 ? null : Math.Sqrt(Results.Sum(r => (r.Score - Mean) * (r.Score - Mean)) / (Results.Count - 1));

    private CellResult First => Results[0];

    /// <summary>One a method and dataset, best first within a dataset; methods of which nothing finished are left out.</summary>
    public static IReadOnlyList<Summary> Of(IEnumerable<(Cell Cell, CellResult? Result)> cells) =>
        [.. cells.Where(c => !c.Cell.IsSearch).GroupBy(c => c.Cell.Dataset).SelectMany(dataset => dataset.GroupBy(c => c.Cell.Method)
            .Select(g => new Summary(dataset.Key, g.Key, [.. g.Select(c => c.Result).OfType<CellResult>()], g.Count()))
            .Where(s => s.Results.Count > 0)
            .OrderByDescending(s => s.First.HigherIsBetter ? s.Mean : -s.Mean))];

    /// <summary>A table for people.</summary>
    public static Grid Table(IEnumerable<Summary> summaries)
    {
        var grid = new Grid("dataset", "method", "metric", ">score", ">seeds", ">trained", ">share", ">adapter", ">rate", ">peak memory", ">seconds", ">samples/s", ">eval samples/s");
        foreach (var s in summaries)
            grid.Row(
                s.Dataset, s.Method, s.First.Metric, Score(s), $"{s.Results.Count}/{s.Planned}", Format.Count(s.First.Trained), $"{Fixed(s.First.Percent, "0.###")} %",
                Format.Bytes(s.First.AdapterBytes), Fixed(s.First.LearningRate, "0.#e+0"), Format.Bytes((long)s.Average(r => r.PeakBytes)), Fixed(s.Average(r => r.Seconds), "0.0"),
                Fixed(s.Average(r => r.SamplesPerSecond), "0"), s.Results.All(r => r.EvaluationSamplesPerSecond is not null) ? Fixed(s.Average(r => r.EvaluationSamplesPerSecond!.Value), "0") : "");
        return grid;
    }

    public JsonObject Json() => new()
    {
        ["dataset"] = Dataset,
        ["method"] = Method,
        ["metric"] = First.Metric,
        ["score"] = JsonOut.Number(Mean),
        ["deviation"] = Deviation is { } deviation ? JsonOut.Number(deviation) : null,
        ["seeds"] = Results.Count,
        ["seeds_planned"] = Planned,
        ["trainable"] = First.Trained,
        ["percent"] = First.Percent,
        ["adapter_bytes"] = First.AdapterBytes,
        ["learning_rate"] = First.LearningRate,
        ["peak_memory_bytes"] = Average(r => r.PeakBytes),
        ["seconds"] = Average(r => r.Seconds),
        ["samples_per_second"] = JsonOut.Number(Average(r => r.SamplesPerSecond)),
        ["evaluation_samples_per_second"] = Results.All(r => r.EvaluationSamplesPerSecond is not null) ? JsonOut.Number(Average(r => r.EvaluationSamplesPerSecond!.Value)) : null,
        ["compute"] = First.Compute,
    };

    private double Average(Func<CellResult, double> of) => Results.Average(of);

    private static string Score(Summary s) => s.Deviation is { } deviation ? $"{Format.Score(s.Mean)} ± {Format.Score(deviation)}" : Format.Score(s.Mean);

    private static string Fixed(double value, string format) => double.IsFinite(value) ? value.ToString(format, CultureInfo.InvariantCulture) : "";
}
