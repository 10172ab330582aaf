namespace PeftSharp.Data;

/// <summary>A value of a column that is passed through beside a row's text and label.</summary>
/// <param name="Text">The value as the file spells it; null where the row has none.</param>
/// <param name="IsJson">True if the text is a JSON number, boolean, list or object; false if it is a string.</param>
public readonly record struct KeptValue(string? Text, bool IsJson);
