using System.Text.Json;
using System.Text.Json.Nodes;

namespace PeftSharp.Files.Json;

/// <summary>
/// The members of an object of a checked document, read by kind; whatever is of another kind is one sentence that names the field. Missing
/// and null are the same.
/// </summary>
/// <param name="source">The document.</param>
/// <param name="json">The object.</param>
/// <param name="path">Where it stands in the document.</param>
internal sealed class JsonFields(JsonSource source, JsonObject json, string path = "$")
{
    /// <summary>A text of at most <paramref name="longest"/> characters.</summary>
    public string? Text(string name, int longest = 1 << 20) =>
        json[name] is not { } node ? null
        : node is JsonValue value && value.TryGetValue<string>(out var text) && text.Length <= longest ? text
        : throw Wrong(name, node, longest < 1 << 20 ? $"a text of at most {longest} characters" : "a text");

    /// <summary>A whole number of a range.</summary>
    public int? Int(string name, int least = int.MinValue, int most = int.MaxValue) =>
        json[name] is not { } node ? null
        : node is JsonValue value && value.TryGetValue<int>(out var number) && number >= least && number <= most ? number
        : throw Wrong(name, node, $"a whole number from {least} to {most}");

    /// <summary>A finite number of a range.</summary>
    public double? Number(string name, double least = double.MinValue, double most = double.MaxValue) =>
        json[name] is not { } node ? null
        : node is JsonValue value && value.TryGetValue<double>(out var number) && number >= least && number <= most ? number
        : throw Wrong(
            name, node, least == double.MinValue && most == double.MaxValue ? "a finite number" : $"a number from {least} to {most}");

    /// <summary>A truth value.</summary>
    public bool? Flag(string name) =>
        json[name] is not { } node ? null
        : node is JsonValue value && value.TryGetValue<bool>(out var flag) ? flag
        : throw Wrong(name, node, "true or false");

    /// <summary>A list of texts.</summary>
    public IReadOnlyList<string>? Texts(string name)
    {
        if (json[name] is not { } node) return null;
        if (node is not JsonArray list) throw Wrong(name, node, "a list of texts");
        return [
            .. list.Select(
                (item, i) =>
                    item is JsonValue value && value.TryGetValue<string>(out var text)
                        ? text
                        : throw Wrong($"{name}[{i}]", item, "a text")),
        ];
    }

    /// <summary>A list of finite numbers.</summary>
    public IReadOnlyList<double>? Numbers(string name)
    {
        if (json[name] is not { } node) return null;
        if (node is not JsonArray list) throw Wrong(name, node, "a list of numbers");
        bool IsFinite(JsonNode? item, out double number)
        {
            number = 0;
            return item is JsonValue value && value.TryGetValue(out number) && double.IsFinite(number);
        }
        return [
            .. list.Select((item, i) => IsFinite(item, out var number) ? number : throw Wrong($"{name}[{i}]", item, "a finite number")),
        ];
    }

    /// <summary>A list of at most so many objects.</summary>
    public IReadOnlyList<JsonFields>? Objects(string name, int most)
    {
        if (json[name] is not { } node) return null;
        if (node is not JsonArray list || list.Count > most) throw Wrong(name, node, $"a list of at most {most} objects");
        return [
            .. list.Select(
                (item, i) =>
                    item is JsonObject inner
                        ? new JsonFields(source, inner, $"{path}.{name}[{i}]")
                        : throw Wrong($"{name}[{i}]", item, "an object")),
        ];
    }

    /// <summary>An object inside.</summary>
    public JsonFields? Object(string name) =>
        json[name] is not { } node ? null
        : node is JsonObject inner ? new JsonFields(source, inner, $"{path}.{name}")
        : throw Wrong(name, node, "an object");

    /// <summary>What to throw for a member.</summary>
    public PeftException Wrong(string name, JsonNode? found, string expected) =>
        source.BadAt($"{path}.{name}", 0, $"is {Describe(found)}; expected {expected}");

    /// <summary>A value in a few words.</summary>
    public static string Describe(JsonNode? node) => node?.GetValueKind() switch
    {
        null => "null",
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "a list",
        _ => Printable.Cut(node.ToJsonString(), 60),
    };
}
