using System.Globalization;
using PeftSharp.Cli.Terminal;
using PeftSharp.Runs.Comparing;

namespace PeftSharp.Cli.Comparing;

/// <summary>What a comparison found, as a table for people.</summary>
internal static class SummaryTable
{
    private static readonly string[] Heads =
    [
        "dataset", "method", "metric", ">score", ">seeds", ">trained", ">share", ">adapter", ">rate", ">peak memory", ">seconds",
        ">samples/s", ">eval samples/s",
    ];

    public static Grid Of(IEnumerable<MethodSummary> summaries)
    {
        var grid = new Grid(Heads);
        foreach (var s in summaries)
        {
            var scored = s.Results.All(r => r.EvaluationSamplesPerSecond is not null);
            grid.Row(
                s.Dataset, s.Method, s.First.Metric, Score(s), $"{s.Results.Count}/{s.Planned}", Figures.Count(s.First.Trained),
                $"{Fixed(s.First.Percent, "0.###")} %",
                Figures.Bytes(s.First.AdapterBytes), Fixed(s.First.LearningRate, "0.#e+0"),
                Figures.Bytes((long)s.Average(r => r.PeakBytes)), Fixed(s.Average(r => r.Seconds), "0.0"),
                Fixed(s.Average(r => r.SamplesPerSecond), "0"),
                scored ? Fixed(s.Average(r => r.EvaluationSamplesPerSecond!.Value), "0") : "");
        }
        return grid;
    }

    private static string Score(MethodSummary s) =>
        s.Deviation is { } deviation ? $"{Figures.Score(s.Mean)} ± {Figures.Score(deviation)}" : Figures.Score(s.Mean);

    private static string Fixed(double value, string format) =>
        double.IsFinite(value) ? value.ToString(format, CultureInfo.InvariantCulture) : "";
}
