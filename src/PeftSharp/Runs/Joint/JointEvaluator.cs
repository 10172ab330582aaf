using System.Diagnostics;
using PeftSharp.Training;

namespace PeftSharp.Runs.Joint;

/// <summary>
/// Scores several tasks: every metric as <c>task/metric</c>, <c>average</c>, the mean of what selects the best model of each task, and
/// <c>loss</c>, the mean over the tasks.
/// </summary>
/// <param name="tasks">The scored tasks by name.</param>
public sealed class JointEvaluator(IReadOnlyList<KeyValuePair<string, IEvaluator>> tasks) : IEvaluator
{
    /// <summary>Name of the mean over the tasks.</summary>
    public const string Average = "average";

    /// <summary>The last scores of each task, by name; empty before the first evaluation.</summary>
    public IReadOnlyDictionary<string, EvaluationResult> Results { get; private set; } = new Dictionary<string, EvaluationResult>();

    /// <inheritdoc/>
    /// <exception cref="PeftException">The metrics of one task are better when higher, those of another when lower.</exception>
    public EvaluationResult Evaluate(CancellationToken cancellation = default)
    {
        var watch = Stopwatch.StartNew();
        var results = tasks.ToDictionary(task => task.Key, task => task.Value.Evaluate(cancellation));
        if (results.Values.Select(result => result.HigherIsBetter).Distinct().Count() > 1)
            throw new PeftException(
                "The tasks have no average: "
                + string.Join(", ", results.Select(
                    r => $"{r.Value.Primary} of \"{r.Key}\" is better when {(r.Value.HigherIsBetter ? "higher" : "lower")}"))
                + "; name a metric for each that goes the same way.");
        Results = results;
        var values = new Dictionary<string, double>
        {
            ["loss"] = results.Values.Average(result => result.Values["loss"]),
            [Average] = results.Values.Average(result => result.Values[result.Primary]),
        };
        foreach (var (name, result) in results)
            foreach (var (metric, value) in result.Values) values[$"{name}/{metric}"] = value;
        return new(
            values, Average, results.Values.First().HigherIsBetter, results.Values.Sum(result => result.Examples),
            watch.Elapsed.TotalSeconds);
    }
}
