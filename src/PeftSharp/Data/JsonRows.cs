using System.Text;
using System.Text.Json;

namespace PeftSharp.Data;

/// <summary>One JSON object of a file, or why there is none.</summary>
internal readonly record struct JsonRow(int Line, JsonElement Value, string? Problem);

/// <summary>The objects of a JSON Lines file, or of a file that is one JSON array.</summary>
internal static class JsonRows
{
    public static IEnumerable<JsonRow> Read(string path, DataOptions options) =>
        StartsArray(path) ? ReadArray(path) : ReadLines(path, options);

    private static IEnumerable<JsonRow> ReadLines(string path, DataOptions options)
    {
        foreach (var line in LineReader.Read(path, options.MaxLineBytes))
        {
            if (line.Text is null) yield return new JsonRow(line.Number, default, line.Problem);
            else if (!string.IsNullOrWhiteSpace(line.Text)) yield return Parse(line.Number, line.Text);
        }
    }

    private static JsonRow Parse(int line, string text)
    {
        try
        {
            using var document = JsonDocument.Parse(text);
            return Row(line, document.RootElement.Clone());
        }
        catch (JsonException e)
        {
            return new JsonRow(line, default, $"not valid JSON at byte {e.BytePositionInLine + 1}, expected one object a line; correct the row or skip bad rows");
        }
    }

    private static List<JsonRow> ReadArray(string path)
    {
        byte[] bytes;
        using (var stream = DataFile.Open(path))
        {
            bytes = new byte[stream.Length];
            stream.ReadExactly(bytes);
        }
        var json = bytes.AsSpan(bytes.AsSpan().StartsWith(Encoding.UTF8.Preamble) ? 3 : 0);
        var rows = new List<JsonRow>();
        var reader = new Utf8JsonReader(json);
        var (line, counted) = (1, 0);
        try
        {
            reader.Read();
            while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
            {
                var start = (int)reader.TokenStartIndex;
                line += json[counted..start].Count((byte)'\n');
                counted = start;
                using var document = JsonDocument.ParseValue(ref reader);
                rows.Add(Row(line, document.RootElement.Clone()));
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // Behind a broken element nothing can be trusted, so there is no skipping.
            var at = e is JsonException { LineNumber: { } number } ? number + 1 : line;
            throw new PeftException($"{path}, line {at}: not valid JSON, expected an array of objects; correct the file.", e);
        }
        return rows;
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

    private static bool StartsArray(string path)
    {
        using var stream = DataFile.Open(path);
        Span<byte> head = stackalloc byte[256];
        var start = (ReadOnlySpan<byte>)head[..stream.ReadAtLeast(head, head.Length, throwOnEndOfStream: false)];
        if (start.StartsWith(Encoding.UTF8.Preamble)) start = start[3..];
        return start.TrimStart(" \t\r\n"u8).StartsWith("["u8);
    }
}
