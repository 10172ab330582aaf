namespace PeftSharp.Data;

/// <summary>A row that a program has at hand.</summary>
/// <param name="Text">The text, or the first of two.</param>
/// <param name="Label">Its label: the name of a class, or a number as text; empty where <see cref="Labels"/> are given.</param>
/// <param name="Pair">The second text; null (default) for single texts.</param>
public sealed record LabelledText(string Text, string Label, string? Pair = null)
{
    /// <summary>A row that has any number of several labels at once.</summary>
    /// <param name="text">The text, or the first of two.</param>
    /// <param name="labels">Names of the classes that hold; none where no class does.</param>
    /// <param name="pair">The second text; null (default) for single texts.</param>
    public LabelledText(string text, IReadOnlyList<string> labels, string? pair = null)
        : this(text, "", pair)
    {
        ArgumentNullException.ThrowIfNull(labels);
        Labels = [.. labels];
    }

    /// <summary>Names of the classes that hold, where any number may at once; null (usual) for the one label.</summary>
    public IReadOnlyList<string>? Labels { get; init; }
}
