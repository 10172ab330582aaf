using System.Text;
using System.Text.Json;
using PeftSharp.Data.Files;

namespace PeftSharp.Data;

/// <summary>The objects of a JSON Lines file, or of a file that is one JSON array.</summary>
internal static class JsonRows
{
    public static IEnumerable<JsonRow> Read(string path, DataOptions options) =>
        StartsArray(path, options) ? JsonArrayReader.Read(path, options)
            .Select(
                element =>
                    element.Problem is { } problem
                        ? new JsonRow(element.Line, default, problem)
                        : Row(element.Line, element.Value)) : ReadLines(path,
                options);

    private static IEnumerable<JsonRow> ReadLines(string path, DataOptions options)
    {
        foreach (var line in LineReader.Read(path, options))
        {
            if (line.Text is null) yield return new JsonRow(line.Number, default, line.Problem);
            else if (!string.IsNullOrWhiteSpace(line.Text)) yield return Parse(line.Number, line.Text);
        }
    }

    private static JsonRow Parse(int line, string text)
    {
        try
        {
            if (JsonRowCheck.Problem(Encoding.UTF8.GetBytes(text)) is { } problem) return new JsonRow(line, default, problem);
            using var document = JsonDocument.Parse(text, JsonRowCheck.Options);
            return Row(line, document.RootElement.Clone());
        }
        catch (JsonException e)
        {
            return new JsonRow(
                line, default,
                $"not valid JSON at byte {e.BytePositionInLine + 1}, expected one object a line; correct the row or skip bad rows "
                + "(--skip-bad-rows)");
        }
    }

    private static JsonRow Row(int line, JsonElement value) => value.ValueKind == JsonValueKind.Object
        ? new JsonRow(line, value, null)
        : new JsonRow(line, default, $"a JSON {Kind(value)} found, expected an object such as {{\"text\": …, \"label\": …}}");

    public static string Kind(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.True or JsonValueKind.False => "boolean",
        JsonValueKind.Undefined => "nothing",
        var kind => kind.ToString().ToLowerInvariant(),
    };

    private static bool StartsArray(string path, DataOptions options)
    {
        using var stream = DataFile.Open(path, options);
        Span<byte> head = stackalloc byte[256];
        var start = (ReadOnlySpan<byte>)head[..stream.ReadAtLeast(head, head.Length, throwOnEndOfStream: false)];
        if (start.StartsWith(Encoding.UTF8.Preamble)) start = start[3..];
        return start.TrimStart(" \t\r\n"u8).StartsWith("["u8);
    }
}
