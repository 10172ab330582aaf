using System.Text.Json;
using PeftSharp.Data.Files;

namespace PeftSharp.Data;

/// <summary>One JSON object of a file, or why there is none.</summary>
internal readonly record struct JsonRow(int Line, JsonElement Value, string? Problem);
