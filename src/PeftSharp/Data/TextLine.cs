using System.Text.Unicode;

namespace PeftSharp.Data;

/// <summary>One physical line of a file: its text, or why it has none.</summary>
internal readonly record struct TextLine(int Number, string? Text, string? Problem);
