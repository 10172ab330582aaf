namespace PeftSharp.Runs.Conformance;

/// <summary>One reference case and how it went.</summary>
/// <param name="Case">The case folder's name.</param>
/// <param name="Quantities">What was compared.</param>
/// <param name="Failure">Why the case could not be run; null if it was.</param>
/// <param name="Seconds">Wall-clock seconds.</param>
public sealed record ConformanceResult(string Case, IReadOnlyList<ConformanceQuantity> Quantities, string? Failure, double Seconds)
{
    /// <summary>True if the case ran, compared something, and every quantity passed.</summary>
    public bool Passed => Failure is null && Quantities.Count > 0 && Quantities.All(q => q.Passed);
}
