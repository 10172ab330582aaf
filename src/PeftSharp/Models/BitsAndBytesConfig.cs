using System.Text.Json;
using System.Text.Json.Nodes;

namespace PeftSharp.Models;

/// <summary>The field <c>quantization_config</c> of a config.json, as transformers writes it for weights of bitsandbytes.</summary>
internal static class BitsAndBytesConfig
{
    /// <summary>The field's name.</summary>
    public const string Key = "quantization_config";

    /// <summary>The modules that are left as they are.</summary>
    public const string Skipped = "llm_int8_skip_modules";

    private const string Method = "quant_method", FourBits = "load_in_4bit", EightBits = "load_in_8bit", Type = "bnb_4bit_quant_type";

    /// <summary>The field for a form of quantisation.</summary>
    /// <param name="quantization">The form.</param>
    /// <param name="dense">Paths of the linear maps that stay as they are.</param>
    public static JsonObject Write(Quantization quantization, IEnumerable<string> dense)
    {
        var json = new JsonObject
        {
            [Method] = "bitsandbytes",
            [FourBits] = quantization is FourBitOptions,
            [EightBits] = quantization is Int8Options,
        };
        if (quantization is FourBitOptions four)
        {
            json[Type] = four.Name;
            json["bnb_4bit_use_double_quant"] = four.Double;
            json["bnb_4bit_compute_dtype"] = "float32";
            json["bnb_4bit_quant_storage"] = "uint8";
        }
        else json["llm_int8_threshold"] = 6.0; // transformers' own default: what is read may have outliers there
        json[Skipped] = new JsonArray([.. dense.Select(path => (JsonNode?)path)]);
        return json;
    }

    /// <summary>What is wrong with a field: its name, what it holds, and what was expected; null where such weights can be read.</summary>
    public static (string Field, string Found)? Problem(JsonObject field)
    {
        var method = field[Method]?.ToString() ?? "bitsandbytes";
        if (method != "bitsandbytes") return ($"{Key}.{Method}", $"\"{method}\"");
        return field[Type]?.ToString() is { } type && field[EightBits]?.ToString() != "true" && Weights.FourBitCode.Find(type) is null
            ? ($"{Key}.{Type}", $"\"{type}\"")
            : null;
    }

    /// <summary>What a field says in place of the names of modules that are left as they are; null where it is none or well made.</summary>
    public static string? BadNames(JsonObject field)
    {
        if (field[Skipped] is not { } skipped) return null;
        var isList = skipped is JsonArray names && names.All(name => name?.GetValueKind() == JsonValueKind.String);
        return isList ? null : skipped.ToJsonString();
    }
}
