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
