using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using PeftSharp.Checkpoints;
using PeftSharp.Methods;

namespace PeftSharp.Formats;

/// <summary>Settings as JSON: the peft names, keys sorted, nulls kept, two spaces, as peft writes them.</summary>
internal static class AdapterJson
{
    private const long MaxBytes = 16 << 20;

    private static readonly JsonSerializerOptions Options = new()
    {
        WriteIndented = true,
        IndentSize = 2,
        NewLine = "\n",
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        MaxDepth = 64,
    };

    /// <summary>Reads a JSON object from a file of bounded size.</summary>
    public static JsonObject ReadObject(string file)
    {
        try
        {
            if (FileSize.Of(file) > MaxBytes)
                throw new PeftException($"{file} has more than {MaxBytes >> 20} MB, which no adapter configuration has; check that it is the right file.");
            return JsonNode.Parse(File.ReadAllText(file)) as JsonObject
                ?? throw new PeftException($"{file} holds no JSON object; an adapter configuration is one.");
        }
        catch (JsonException e)
        {
            throw new PeftException($"{file} is not JSON (line {e.LineNumber + 1}); save the adapter again.", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new PeftException($"{file} could not be read ({e.Message.TrimEnd('.')}); check the path and its permissions.", e);
        }
    }

    /// <summary>Turns a peft configuration into settings.</summary>
    public static MethodOptions Parse(JsonObject json, MethodInfo method, string file)
    {
        try
        {
            return (MethodOptions)json.Deserialize(method.OptionsType, Options)!;
        }
        catch (Exception e) when (e is JsonException or NotSupportedException or InvalidOperationException)
        {
            var field = (e as JsonException)?.Path ?? "a field";
            throw new PeftException($"{file}: {field} has a value of the wrong type; see the method's settings in `peft methods {method.Name}`.", e);
        }
    }

    /// <summary>Settings as the text of <c>adapter_config.json</c>.</summary>
    public static string Text(MethodOptions options)
    {
        var json = (JsonObject)JsonSerializer.SerializeToNode(options, options.GetType(), Options)!;
        // An override does not inherit what its property says of the name on disk, and would be written once more under its own.
        json.Remove(nameof(MethodOptions.PeftType));
        json.Remove(nameof(MethodOptions.Format));
        return Sorted(json).ToJsonString(Options);
    }

    /// <summary>Any JSON object as text in the same style.</summary>
    public static string Text(JsonObject json) => Sorted(json).ToJsonString(Options);

    private static JsonObject Sorted(JsonObject json) => new(json
        .OrderBy(p => p.Key, StringComparer.Ordinal)
        .Select(p => KeyValuePair.Create(p.Key, p.Value is JsonObject inner ? Sorted(inner) : p.Value?.DeepClone())));
}
