namespace PeftSharp.Runs;

/// <summary>The answer to a text.</summary>
public sealed record Prediction
{
    /// <summary>
    /// The most probable class; null for a number, and where any number of classes may hold at once and none does.
    /// </summary>
    public required string? Label { get; init; }

    /// <summary>Its probability, 0 to 1; NaN where there is none.</summary>
    public required double Probability { get; init; }

    /// <summary>
    /// Every class with its probability, in the order of the model's outputs; empty for a number. Of classes that exclude each other they
    /// sum to 1.
    /// </summary>
    public required IReadOnlyList<KeyValuePair<string, double>> Probabilities { get; init; }

    /// <summary>The number that a regression answers; NaN for classes.</summary>
    public required double Value { get; init; }

    /// <summary>
    /// The classes that hold, in the order of the model's outputs: those with a probability above 0.5 where any number of them may hold at
    /// once, none included; else the most probable one. Empty for a number.
    /// </summary>
    public required IReadOnlyList<string> Labels { get; init; }
}
