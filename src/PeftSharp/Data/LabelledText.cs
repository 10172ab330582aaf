namespace PeftSharp.Data;

/// <summary>A row that a program has at hand.</summary>
/// <param name="Text">The text, or the first of two.</param>
/// <param name="Label">Its label: the name of a class, or a number as text.</param>
/// <param name="Pair">The second text; null (default) for single texts.</param>
public sealed record LabelledText(string Text, string Label, string? Pair = null);
