using System.Text.Json;
using System.Text.Json.Nodes;
using PeftSharp.Models;

namespace PeftSharp.Cli.Models;

/// <summary>What a training run wrote beside its adapter, as later verbs need it: labels, length, pooling.</summary>
internal sealed class RunFile
{
    public const string Name = "run.json";

    private RunFile(JsonObject json) => Json = json;

    public JsonObject Json { get; }

    public IReadOnlyList<string>? Labels => (Json["labels"] as JsonArray)?.Select(l => l?.ToString() ?? "").ToList();

    public bool? IsRegression => Json["problem"]?.ToString() is { } problem ? problem == "regression" : null;

    public int? MaxLength => (Json["settings"]?["max_length"] as JsonValue)?.TryGetValue<int>(out var value) == true ? value : null;

    public string? Pooling => Json["settings"]?["pooling"]?.ToString();

    /// <summary>How the base was quantised in training: the adapter answers for that base.</summary>
    public Nf4Options? Quantize => Json["settings"]?["quantize"]?.ToString() == "nf4"
        ? new((Json["settings"]!["block_size"] as JsonValue)?.GetValue<int>() ?? 64, Json["settings"]!["double_quant"]?.GetValue<bool>() ?? false)
        : null;

    public string? Task => Json["task"]?.ToString();

    /// <summary>Reads the file of a folder; null if there is none.</summary>
    public static RunFile? TryRead(string folder)
    {
        var file = Path.Combine(folder, Name);
        if (!File.Exists(file)) return null;
        try
        {
            return JsonNode.Parse(File.ReadAllText(file)) is JsonObject json ? new(json) : throw new PeftException($"{file} holds no JSON object; remove it, or train again.");
        }
        catch (JsonException e)
        {
            throw new PeftException($"{file} is not JSON (line {e.LineNumber + 1}); remove it, or train again.", e);
        }
    }
}
