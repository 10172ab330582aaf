using PeftSharp.Models.Heads;

namespace PeftSharp.Models;

/// <summary>Names of the columns that an adapter was trained on, as its user or the header named them.</summary>
/// <param name="Text">The text, or the first of two.</param>
/// <param name="Pair">The second text; null for none.</param>
/// <param name="Label">The label; null for none.</param>
public sealed record TrainedColumns(string? Text, string? Pair, string? Label);
