namespace PeftSharp.Runs.Estimates;

/// <summary>How long a run is expected to take, on this machine as busy as it was during the probe.</summary>
/// <param name="Training">All steps.</param>
/// <param name="Evaluation">All evaluations; null where none could be timed.</param>
/// <param name="Rest">Loading, and writing the results: seconds that were measured.</param>
public sealed record TimeEstimate(TimeRange Training, TimeRange? Evaluation, double Rest)
{
    /// <summary>From the first moment to the last.</summary>
    public TimeRange Total => Training + (Evaluation ?? default) + TimeRange.Exactly(Rest);

    /// <summary>Extrapolates what the probe has timed to the whole run.</summary>
    /// <param name="forecast">The run's plan.</param>
    /// <param name="probe">What was timed.</param>
    /// <param name="evaluator">What the run will be scored with; null for nothing.</param>
    /// <param name="rest">Seconds of loading and of writing the results.</param>
    public static TimeEstimate Of(RunForecast forecast, ProbeResult probe, Evaluator? evaluator, double rest)
    {
        // The first batch pays for what is made once.
        var fit = CostFit.Of(Warm(probe.Training));
        var first = Math.Max(0, probe.Training[0].Seconds - fit.Seconds(probe.Training[0].Passes, probe.Training[0].Work));
        var training = fit.Range(forecast.Passes, forecast.Work) + TimeRange.Exactly(first + forecast.Steps * probe.UpdateSeconds);
        if (evaluator is null || forecast.Evaluations == 0) return new(training, default(TimeRange), rest);
        if (probe.Evaluation.Count == 0) return new(training, null, rest);
        var batches = evaluator.Batches.Select(rows => forecast.Shape(evaluator.Data.Lengths, rows)).ToList();
        var once = CostFit.Of(Warm(probe.Evaluation)).Range(batches.Count, batches.Sum(b => b.Work(forecast.Width)));
        var times = forecast.Evaluations;
        return new(training, new(times * once.Low, times * once.Expected, times * once.High), rest);
    }

    private static IReadOnlyCollection<ProbedBatch> Warm(IReadOnlyList<ProbedBatch> batches) =>
        batches.Count > 1 ? [.. batches.Skip(1)] : batches;
}
