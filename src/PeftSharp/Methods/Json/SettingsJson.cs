using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using PeftSharp.Files.Json;

namespace PeftSharp.Methods.Json;

/// <summary>Reads the settings of a method as peft's <c>adapter_config.json</c> holds them.</summary>
internal static class SettingsJson
{
    private const int MostItems = 10_000;

    /// <summary>How settings are read and written.</summary>
    public static JsonSerializerOptions Options { get; } = new()
    {
        WriteIndented = true,
        IndentSize = 2,
        NewLine = "\n",
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        MaxDepth = 64,
        RespectNullableAnnotations = true,
        TypeInfoResolver = new DefaultJsonTypeInfoResolver(),
    };

    /// <summary>Turns a peft configuration into settings.</summary>
    public static MethodOptions Parse(JsonObject json, MethodInfo method, string file)
    {
        var source = new JsonSource(file, $"see the method's settings in `peft methods {method.Name}`");
        foreach (var known in Options.GetTypeInfo(method.OptionsType).Properties)
            if (json[known.Name] is { } value) Check(source, value, $"$.{known.Name}");
        return (MethodOptions)StrictJson.Make(source, json, method.OptionsType, Options) with { Source = json };
    }

    // Lists and maps of settings hold no null in either library; a field that is null as a whole is a default.
    private static void Check(JsonSource source, JsonNode node, string path)
    {
        var items = node switch
        {
            JsonArray list => list.Select((item, i) => ($"{path}[{i}]", item)).ToList(),
            JsonObject map => [.. map.Select(pair => ($"{path}.{pair.Key}", pair.Value))],
            _ => [],
        };
        if (items.Count > MostItems) throw source.BadAt(path, 0, $"has {items.Count:N0} entries; expected at most {MostItems:N0}");
        foreach (var (place, item) in items) Check(source, item ?? throw source.BadAt(place, 0, "is null; expected a value"), place);
    }
}
