using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using PeftSharp.Files.Json;
using PeftSharp.Methods;
using PeftSharp.Methods.Json;

namespace PeftSharp.Formats;

/// <summary>
/// Settings as JSON: the peft names, keys sorted, nulls kept, two spaces, numbers of the same kind, ASCII alone, as peft and AdapterHub
/// write them.
/// </summary>
internal static class AdapterJson
{
    public const string Advice = "save the adapter again";

    private const string PeftType = "peft_type";

    // The version whose fields are written.
    private const string PeftVersion = "0.21.2";

    private static readonly JsonSerializerOptions Options = SettingsJson.Options;

    /// <summary>Reads a JSON object from a file of bounded size.</summary>
    public static JsonObject ReadObject(string file) => StrictJson.ReadObject(file, Advice);

    /// <inheritdoc cref="SettingsJson.Parse"/>
    public static MethodOptions Parse(JsonObject json, MethodInfo method, string file) => SettingsJson.Parse(json, method, file);

    /// <summary>Settings as the text of <c>adapter_config.json</c>.</summary>
    public static string Text(MethodOptions options)
    {
        var json = (JsonObject)JsonSerializer.SerializeToNode(options, options.GetType(), Options)!;
        // An override does not inherit what its property says of the name on disk, and would be written once more under its own.
        json.Remove(nameof(MethodOptions.PeftType));
        json.Remove(nameof(MethodOptions.Format));
        foreach (var field in options.OwnFields)
            if (json[field] is null) json.Remove(field);
        if (options.Source is { } source && source.ContainsKey(PeftType)) Literals.Keep(json, source);
        else Complete(json, options.PeftFields);
        return Text(json);
    }

    // New settings have every field of peft's own, so that its readers find what they expect.
    private static void Complete(JsonObject json, JsonObject fields)
    {
        if (fields.Count == 0) return;
        json.TryAdd("peft_version", PeftVersion);
        foreach (var (name, value) in fields) json.TryAdd(name, value?.DeepClone());
    }

    /// <summary>Any JSON object as text in the same style.</summary>
    public static string Text(JsonObject json) => Ascii(Sorted(json)!.ToJsonString(Options));

    private static JsonNode? Sorted(JsonNode? json) => json switch
    {
        JsonObject map =>
            new JsonObject(map.OrderBy(p => p.Key, StringComparer.Ordinal).Select(p => KeyValuePair.Create(p.Key, Sorted(p.Value)))),
        JsonArray list => new JsonArray([.. list.Select(Sorted)]),
        _ => json?.DeepClone(),
    };

    // peft's reader takes the system's encoding for granted, so both libraries write nothing but ASCII; such characters stand in strings
    // only.
    private static string Ascii(string json)
    {
        if (System.Text.Ascii.IsValid(json)) return json;
        var text = new StringBuilder(json.Length + 64);
        foreach (var unit in json)
            if (unit < 0x7F) text.Append(unit);
            else text.Append(CultureInfo.InvariantCulture, $"\\u{(int)unit:x4}");
        return text.ToString();
    }
}
