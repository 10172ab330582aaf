using System.Text.Json.Nodes;
using PeftSharp.Formats;
using PeftSharp.Methods;

namespace PeftSharp.Tests.Matrix;

/// <summary>Settings of each method for the tiny models: its defaults, but for sizes that do not fit them.</summary>
internal static class TinySettings
{
    // Fields of methods whose default sizes are made for larger maps.
    private static readonly Dictionary<string, string> Sizes = new()
    {
        ["cpt"] = """{ "cpt_token_ids": [9, 40, 7, 55, 21, 8], "cpt_tokens_type_mask": [1, 2, 4, 6, 7, 8] }""",
        ["vblora"] = """{ "vector_length": 8, "num_vectors": 12 }""",
        ["shira"] = """{ "r": 3 }""",
        ["c3a"] = """{ "block_size": 8 }""",
        ["road"] = """{ "group_size": 8 }""",
        ["fourierft"] = """{ "n_frequency": 40 }""",
    };

    /// <summary>The settings of a method or preset.</summary>
    public static MethodOptions Of(string method)
    {
        if (!Sizes.ContainsKey(method)) return MethodRegistry.Options(method);
        var info = MatrixCases.Info(method);
        return AdapterJson.Parse(Fields(info), info, "adapter_config.json") with { Source = null };
    }

    /// <summary>The fields that a method needs here, and one more.</summary>
    public static JsonObject With(MethodInfo info, string field, JsonNode value)
    {
        var fields = Fields(info);
        fields[field] = value;
        return fields;
    }

    private static JsonObject Fields(MethodInfo info) =>
        Sizes.TryGetValue(info.Name, out var sizes) ? (JsonObject)JsonNode.Parse(sizes)! : [];
}
