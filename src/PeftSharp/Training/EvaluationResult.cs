using PeftSharp.Data;

namespace PeftSharp.Training;

/// <summary>The outcome of one evaluation.</summary>
/// <param name="Values">Metric name to value.</param>
/// <param name="Primary">Name of the metric that selects the best model.</param>
/// <param name="HigherIsBetter">Direction of that metric.</param>
/// <param name="Examples">Number of examples scored.</param>
/// <param name="Seconds">Wall-clock seconds.</param>
public sealed record EvaluationResult(
    IReadOnlyDictionary<string, double> Values, string Primary, bool HigherIsBetter, int Examples, double Seconds);
