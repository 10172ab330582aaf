using System.Text.Json;
using System.Text.Json.Nodes;
using PeftSharp.Files;
using PeftSharp.Formats;

namespace PeftSharp.Runs.Proof;

/// <summary>The adapter as it lies on disk: its settings and its tensors.</summary>
public sealed record AdapterFingerprint
{
    // What does not change an answer, or what other tools fill in when they write the folder again.
    private static readonly string[] Free =
    [
        "base_model_name_or_path", "revision", "inference_mode", "peft_version", "auto_mapping", "init_lora_weights", "init_weights",
        "runtime_config",
        "name", "model_name", "model_class", "version", "hidden_size", "tokenizer_name_or_path", "PeftType",
    ];

    /// <summary>The settings in <c>adapter_config.json</c> that bear on the answers, scale and rank among them.</summary>
    public required JsonElement Settings { get; init; }

    /// <summary>The tensors; those of a second file carry its name before a colon.</summary>
    public required WeightsPrint Weights { get; init; }

    /// <summary>Takes the fingerprint of an adapter folder.</summary>
    /// <exception cref="PeftException">A file of the folder cannot be read.</exception>
    public static AdapterFingerprint Of(AdapterFolder folder) =>
        new() { Settings = SettingsOf(folder), Weights = WeightsPrint.Of(Tensors(folder)) };

    internal static JsonElement SettingsOf(AdapterFolder folder) => JsonSerializer.SerializeToElement(Bearing(folder.Json));

    internal static List<StoredTensor> Tensors(AdapterFolder folder)
    {
        var tensors = new List<StoredTensor>();
        foreach (var path in folder.TensorFiles)
        {
            using var file = SafetensorsFile.Open(path);
            var prefix = path == folder.WeightsFile ? "" : $"{Path.GetFileName(path)}:";
            tensors.AddRange(file.Tensors.Values.Select(t => new StoredTensor(prefix + t.Name, path, t)));
        }
        return tensors;
    }

    private static JsonObject Bearing(JsonObject json) => new(json
        .Where(p => !Free.Contains(p.Key) && !p.Key.Contains("dropout", StringComparison.Ordinal))
        .Select(p => KeyValuePair.Create(p.Key, p.Value is JsonObject inner ? Bearing(inner) : p.Value?.DeepClone())));
}
