namespace PeftSharp.Runs.Conformance;

/// <summary>One quantity of a case compared with its reference numbers.</summary>
/// <param name="Name">The quantity, for example <c>logits</c> or <c>grad</c>.</param>
/// <param name="Error">Largest error, relative to the quantity's scale; infinite where something is missing.</param>
/// <param name="Tolerance">Largest error that passes.</param>
/// <param name="Where">The tensor with the largest error, or what went wrong; null for a single tensor.</param>
public sealed record ConformanceQuantity(string Name, double Error, double Tolerance, string? Where)
{
    /// <summary>True if the error is within the tolerance.</summary>
    public bool Passed => Error <= Tolerance;
}

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
