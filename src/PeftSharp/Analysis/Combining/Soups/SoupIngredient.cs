namespace PeftSharp.Analysis.Combining.Soups;

/// <summary>An adapter that a soup was offered.</summary>
/// <param name="Adapter">Its name.</param>
/// <param name="Value">What it was chosen by: its score alone, the similarity of its domain, or the share of rows that are nearest to
/// it.</param>
/// <param name="IsKept">True if it is part of the soup.</param>
public sealed record SoupIngredient(string Adapter, double Value, bool IsKept);
