using System.Text.Json;
using System.Text.Json.Nodes;
using PeftSharp.Methods;
using PeftSharp.Models;

namespace PeftSharp.Formats;

/// <summary>Fields of an adapter's settings that nothing here asks for: what they would change is not done, so it is said.</summary>
internal static class UnknownSettings
{
    // What describes the file, or how Python runs it, and never what an adapter computes.
    private static readonly HashSet<string> Harmless =
    [
        "auto_mapping", "fan_in_fan_out", "megatron_config", "megatron_core", "peft_version", "qalora_group_size", "runtime_config",
    ];

    /// <summary>A sentence that names them with their values; none where there are none.</summary>
    /// <param name="adapter">The adapter.</param>
    public static IReadOnlyList<string> Remarks(AdapterFolder adapter)
    {
        var unknown = adapter.Format == AdapterFormat.Peft ? OfPeft(adapter) : OfAdapterHub(adapter);
        return UnknownFields.Remarks(adapter.SettingsFile, unknown, "adapter");
    }

    private static IEnumerable<KeyValuePair<string, JsonNode?>> OfPeft(AdapterFolder adapter)
    {
        if (adapter.Options.Unknown is not { } unknown) return [];
        var usual = adapter.Options.PeftFields;
        return unknown
            .Where(field => !Harmless.Contains(field.Key) && !IsEmpty(field.Value))
            .Select(field => KeyValuePair.Create(field.Key, JsonSerializer.SerializeToNode(field.Value)))
            .Where(field => !JsonNode.DeepEquals(field.Value, usual[field.Key]));
    }

    private static IEnumerable<KeyValuePair<string, JsonNode?>> OfAdapterHub(AdapterFolder adapter) =>
        adapter.Json["config"] is not JsonObject config ? []
            : AdapterHubKinds.Unknown(config).Where(field => !IsEmpty(JsonSerializer.SerializeToElement(field.Value)));

    // Switched off, or left as it was.
    private static bool IsEmpty(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Null or JsonValueKind.False or JsonValueKind.Undefined => true,
        JsonValueKind.Object => !value.EnumerateObject().Any(),
        JsonValueKind.Array => value.GetArrayLength() == 0,
        _ => false,
    };
}
