
namespace PeftSharp.Data;

/// <summary>One row of a delimited file: its fields, or why it has none.</summary>
internal readonly record struct DelimitedRow(int Line, IReadOnlyList<string> Fields, string? Problem);
