namespace PeftSharp.Metrics;

/// <summary>Scores of one class.</summary>
/// <param name="Precision">Share of its predictions that are right; 0 where there are none.</param>
/// <param name="Recall">Share of its rows that are found; 0 where there are none.</param>
/// <param name="F1">Harmonic mean of both; 0 where both are 0.</param>
/// <param name="Support">Rows of the class.</param>
public readonly record struct ClassScores(double Precision, double Recall, double F1, long Support)
{
    /// <summary>The scores of a class that was predicted and expected so often, so many times rightly.</summary>
    internal static ClassScores Of(long hits, long predicted, long expected) => new(
        predicted == 0 ? 0 : (double)hits / predicted,
        expected == 0 ? 0 : (double)hits / expected,
        expected + predicted == 0 ? 0 : 2.0 * hits / (expected + predicted),
        expected);
}
