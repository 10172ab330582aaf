using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace PeftSharp.Files.Json;

/// <summary>One pass over a JSON document that finds whatever would surface later, where a value is first touched.</summary>
internal sealed class JsonScan(JsonSource source, JsonBounds bounds)
{
    private static readonly string[] NoNumbers = ["NaN", "Infinity", "-Infinity"];

    private readonly Stack<Level> _levels = [];
    private int _values;

    /// <summary>
    /// Refuses a document that is no JSON (RFC 8259), exceeds a bound, repeats a name, or holds broken text or a number that is infinite.
    /// </summary>
    public void Check(ReadOnlySpan<byte> json)
    {
        if (json.Length > bounds.Bytes) throw source.Bad($"has {json.Length:N0} bytes, more than the {bounds.Bytes:N0} that it may have");
        if (!Utf8.IsValid(json)) throw source.Bad($"is not UTF-8 in line {LineOf(json, FirstBroken(json))}");
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = bounds.Depth + 2 });
        try
        {
            while (reader.Read()) See(ref reader, json);
        }
        catch (JsonException e)
        {
            throw NotJson(e, json);
        }
    }

    private void See(ref Utf8JsonReader reader, ReadOnlySpan<byte> json)
    {
        var length = reader.ValueSpan.Length;
        if (length > bounds.Text)
            throw Bad(reader, json, $"is {length:N0} bytes long, more than the {bounds.Text:N0} that a text or a number may have");
        switch (reader.TokenType)
        {
            case JsonTokenType.PropertyName:
                var level = _levels.Peek();
                level.Name = Text(ref reader, json);
                if (!level.Names!.Add(level.Name)) throw Bad(reader, json, "is there twice; expected each name once");
                return;
            case JsonTokenType.EndObject or JsonTokenType.EndArray:
                _levels.Pop();
                return;
        }
        if (++_values > bounds.Values)
            throw Bad(reader, json, $"comes after {bounds.Values:N0} values, which is the most that there may be");
        if (_levels.TryPeek(out var above) && above.Names is null) above.Index++;
        switch (reader.TokenType)
        {
            case JsonTokenType.StartObject or JsonTokenType.StartArray:
                if (_levels.Count == bounds.Depth) throw Bad(reader, json, $"lies deeper than {bounds.Depth} objects and arrays");
                _levels.Push(new() { Names = reader.TokenType == JsonTokenType.StartObject ? new(StringComparer.Ordinal) : null });
                break;
            case JsonTokenType.String:
                _ = Text(ref reader, json);
                break;
            case JsonTokenType.Number when !reader.TryGetDouble(out var number) || !double.IsFinite(number):
                throw Bad(
                    reader, json,
                    $"is {Printable.Cut(Encoding.UTF8.GetString(reader.ValueSpan), 40)}; expected a number that fits 64 bits");
        }
    }

    private string Text(ref Utf8JsonReader reader, ReadOnlySpan<byte> json)
    {
        if (!reader.ValueIsEscaped && reader.TokenType == JsonTokenType.String) return "";
        try
        {
            return reader.GetString()!;
        }
        catch (InvalidOperationException)
        {
            throw Bad(reader, json, "holds half a surrogate pair; expected valid Unicode");
        }
    }

    private PeftException Bad(in Utf8JsonReader reader, ReadOnlySpan<byte> json, string problem) =>
        source.BadAt(Path(), LineOf(json, (int)reader.TokenStartIndex), problem);

    private string Path()
    {
        var path = new StringBuilder("$");
        foreach (var level in _levels.Reverse())
        {
            if (level.Names is null) path.Append('[').Append(Math.Max(0, level.Index)).Append(']');
            else if (level.Name is { } name) path.Append('.').Append(Printable.Cut(name, 60));
        }
        return path.ToString();
    }

    private PeftException NotJson(JsonException e, ReadOnlySpan<byte> json)
    {
        var (line, column) = ((int)(e.LineNumber ?? 0), (int)(e.BytePositionInLine ?? 0));
        var at = Math.Min(StartOf(json, line) + column, json.Length);
        // The reader stops behind a sign.
        if (at > 0 && json[at - 1] == (byte)'-') at--;
        foreach (var word in NoNumbers)
            if (json[at..].StartsWith(Encoding.ASCII.GetBytes(word)))
                return source.BadAt(Path(), line + 1, $"is {word}, for which JSON has no number; expected a finite one");
        return source.Bad($"is not JSON at line {line + 1}, byte {column + 1}", e);
    }

    private static int StartOf(ReadOnlySpan<byte> json, int line)
    {
        var at = 0;
        for (; line > 0 && json[at..].IndexOf((byte)'\n') is >= 0 and var next; line--) at += next + 1;
        return at;
    }

    private static int LineOf(ReadOnlySpan<byte> json, int at) => json[..at].Count((byte)'\n') + 1;

    private static int FirstBroken(ReadOnlySpan<byte> json)
    {
        var at = 0;
        while (at < json.Length && Rune.DecodeFromUtf8(json[at..], out _, out var used) == System.Buffers.OperationStatus.Done) at += used;
        return at;
    }

    /// <summary>An object (with its names) or an array (without), and where the pass stands in it.</summary>
    private sealed class Level
    {
        public HashSet<string>? Names { get; init; }

        public string? Name { get; set; }

        public int Index { get; set; } = -1;
    }
}
