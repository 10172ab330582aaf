using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace PeftSharp.Files.Json;

/// <summary>
/// The one way in for JSON from files and servers. A document is checked whole (<see cref="JsonScan"/>) before any of it is used, so that
/// nothing surfaces later; a byte order mark before it is passed over; comments, trailing commas and anything behind it are refused.
/// </summary>
internal static partial class StrictJson
{
    /// <summary>The document's root must be an object, as it is in every file of this kind.</summary>
    /// <exception cref="PeftException">The file cannot be read, or is no such document; the message says where.</exception>
    public static JsonObject ReadObject(string file, string advice, JsonBounds? bounds = null)
    {
        var source = new JsonSource(file, advice);
        return Object(source, RegularFile.Bytes(file, (bounds ?? JsonBounds.Settings).Bytes, advice), bounds);
    }

    /// <summary>An object from bytes in memory.</summary>
    public static JsonObject Object(JsonSource source, ReadOnlySpan<byte> json, JsonBounds? bounds = null) =>
        Node(source, json, bounds) as JsonObject ?? throw source.Bad("holds no JSON object, which was expected");

    /// <summary>Any value from bytes in memory; null for JSON's null.</summary>
    public static JsonNode? Node(JsonSource source, ReadOnlySpan<byte> json, JsonBounds? bounds = null) =>
        JsonNode.Parse(Checked(source, json, bounds), documentOptions: Options(bounds));

    /// <summary>Any value, for reading without a tree.</summary>
    public static JsonDocument Document(JsonSource source, ReadOnlyMemory<byte> json, JsonBounds? bounds = null)
    {
        var length = Checked(source, json.Span, bounds).Length;
        return JsonDocument.Parse(json[(json.Length - length)..], Options(bounds));
    }

    /// <summary>The bytes after a byte order mark, checked whole.</summary>
    public static ReadOnlySpan<byte> Checked(JsonSource source, ReadOnlySpan<byte> json, JsonBounds? bounds = null)
    {
        if (json.StartsWith("\uFEFF"u8)) json = json[3..];
        new JsonScan(source, bounds ?? JsonBounds.Settings).Check(json);
        return json;
    }

    /// <summary>Makes an object of a type from a checked document.</summary>
    /// <exception cref="PeftException">A field has a value of the wrong kind; the message names it.</exception>
    public static T Make<T>(JsonSource source, JsonNode? json, JsonSerializerOptions options) => (T)Make(source, json, typeof(T), options);

    /// <inheritdoc cref="Make{T}"/>
    public static object Make(JsonSource source, JsonNode? json, Type type, JsonSerializerOptions options)
    {
        try
        {
            return json.Deserialize(type, options) ?? throw source.Bad("is null, where an object was expected");
        }
        catch (JsonException e)
        {
            throw WrongKind(source, json, e);
        }
        catch (Exception e) when (
            e is NotSupportedException or InvalidOperationException or FormatException or OverflowException or ArgumentException)
        {
            throw source.Bad("has a field with a value of the wrong kind", e);
        }
    }

    private static PeftException WrongKind(JsonSource source, JsonNode? json, JsonException e)
    {
        var missing = e.Message.Contains("missing required", StringComparison.Ordinal)
            || e.Message.Contains("required properties", StringComparison.Ordinal);
        var problem = missing ? "lacks a field that it must have" : $"has a value of the wrong kind{Found(json, e)}";
        return new(source.BadAt(e.Path ?? "$", 0, problem).Message, e);
    }

    // What stands there and what was expected, as far as the serializer tells.
    private static string Found(JsonNode? json, JsonException e)
    {
        var path = e.Path ?? "$";
        var at = 1;
        for (; at < path.Length && PathStep().Match(path, at) is { Success: true } step; at += step.Length)
        {
            if (json is JsonObject map && map.TryGetPropertyValue(step.Groups[1].Value, out var value)) json = value;
            else if (json is JsonArray list && int.TryParse(step.Groups[2].Value, out var index) && index < list.Count) json = list[index];
            else return "";
        }
        return at < path.Length ? "" : $": {JsonFields.Describe(json)}{Expected(e.Message)}";
    }

    private static string Expected(string message)
    {
        (string Type, string Words)[] kinds =
        [
            ("Dictionary`", "an object"), ("Collections.Generic", "a list"), ("System.Boolean", "true or false"),
            ("System.Int32", $"a whole number up to {int.MaxValue}"), ("System.Int64", "a whole number"), ("System.Double", "a number"),
            ("System.String", "a text"),
        ];
        var kind = kinds.FirstOrDefault(k => message.Contains(k.Type, StringComparison.Ordinal));
        return kind.Words is null ? "" : $", expected {kind.Words}";
    }

    // A member or an element of a path; names that the serializer encloses in brackets are left alone.
    [GeneratedRegex(@"\G(?:\.([^.\[\]]+)|\[(\d{1,9})\])", RegexOptions.CultureInvariant)]
    private static partial Regex PathStep();

    private static JsonDocumentOptions Options(JsonBounds? bounds) => new() { MaxDepth = (bounds ?? JsonBounds.Settings).Depth + 2 };
}
