namespace PeftSharp.Runs;

/// <summary>The answer to a text.</summary>
public sealed record Prediction
{
    /// <summary>The most probable class; null for a number.</summary>
    public required string? Label { get; init; }

    /// <summary>Its probability, 0 to 1; NaN for a number.</summary>
    public required double Probability { get; init; }

    /// <summary>
    /// Every class with its probability, in the order of the model's outputs; empty for a number. Of classes that exclude each other they
    /// sum to 1.
    /// </summary>
    public required IReadOnlyList<KeyValuePair<string, double>> Probabilities { get; init; }

    /// <summary>The number that a regression answers; NaN for classes.</summary>
    public required double Value { get; init; }

    /// <summary>Classes that are more probable than not, where any number of them may hold at once; else the most probable one.</summary>
    public required IReadOnlyList<string> Labels { get; init; }
}
