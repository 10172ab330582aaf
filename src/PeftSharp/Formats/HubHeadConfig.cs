using System.Text.Json.Nodes;
using PeftSharp.Files;
using PeftSharp.Models.Heads;
using PeftSharp.Sites;

namespace PeftSharp.Formats;

/// <summary>AdapterHub's <c>head_config.json</c>: names of the classes, and the layout of a flexible head.</summary>
/// <param name="Task">What the head answers; null where the file leaves it open.</param>
/// <param name="Labels">Names of the classes in the order of the outputs; null where there are none.</param>
/// <param name="Head">The layout; null for a head of Hugging Face's own class.</param>
internal sealed record HubHeadConfig(TaskKind? Task, IReadOnlyList<string>? Labels, FlexibleHead? Head)
{
    /// <summary>Its name in an adapter's folder.</summary>
    public const string FileName = "head_config.json";

    private const int MostLabels = 1 << 16;

    /// <summary>Reads it; null if the folder has none.</summary>
    /// <exception cref="PeftException">It is damaged, or describes a head that is not supported.</exception>
    public static HubHeadConfig? TryRead(string folder)
    {
        var file = System.IO.Path.Combine(folder, FileName);
        if (!File.Exists(file)) return null;
        var json = AdapterJson.ReadObject(file);
        if (json["config"] is not JsonObject config) return new(null, LabelsOf(json, file), null);
        var type = Text(config, "head_type", file);
        if (type != "classification")
            throw Bad(
                file, "head_type", config["head_type"],
                "\"classification\"; other heads in AdapterHub's flexible layout are not supported");
        var labels = LabelsOf(config, file) ?? throw Bad(file, "num_labels", config["num_labels"], "a whole number of at least 1");
        return new(
            labels.Count == 1 ? TaskKind.Regression : TaskKind.Classification, labels, Layout(config, Text(json, "name", file), file));
    }

    private static FlexibleHead Layout(JsonObject config, string? name, string file)
    {
        if (string.IsNullOrEmpty(name)) throw Bad(file, "name", null, "the head's name");
        if (!Flag(config, "bias", true, file)) throw Bad(file, "bias", config["bias"], "true: maps without a bias are not supported");
        var pooled = Flag(config, "use_pooler", false, file);
        var layers = Whole(config, "layers", file) ?? 2;
        if (layers < 1 || layers > (pooled ? 1 : 2))
            throw Bad(file, "layers", config["layers"], pooled ? "1 where the pooler is read" : "1 or 2");
        var activation = Text(config, "activation_function", file)?.ToLowerInvariant();
        if (activation is not null && !Activation.Names.Contains(activation))
            throw Bad(file, "activation_function", config["activation_function"], $"one of {string.Join(", ", Activation.Names)}");
        var dropout = config["dropout_prob"] is null ? (double?)null
            : config["dropout_prob"] is JsonValue value && value.TryGetValue<double>(out var p) && p is >= 0 and < 1 ? p
            : throw Bad(file, "dropout_prob", config["dropout_prob"], "a probability from 0 to less than 1");
        return new(name, layers, activation, pooled, dropout);
    }

    private static List<string>? LabelsOf(JsonObject json, string file)
    {
        var count = Whole(json, "num_labels", file);
        if (json["label2id"] is not JsonObject map)
            return count is null ? null : [.. Enumerable.Range(0, count.Value).Select(i => $"LABEL_{i}")];
        var labels = new string?[count ?? map.Count];
        foreach (var (label, id) in map)
        {
            if (
                id is not JsonValue value || !value.TryGetValue<int>(out var number) || number < 0 || number >= labels.Length
                    || labels[number] is not null)
                throw Bad(file, $"label2id.{label}", id, $"an id of its own from 0 to {labels.Length - 1}");
            labels[number] = label;
        }
        return [.. labels.Select((label, i) => label ?? $"LABEL_{i}")];
    }

    private static int? Whole(JsonObject json, string field, string file) => json[field] is null ? null
        : json[field] is JsonValue value && value.TryGetValue<int>(out var number) && number is >= 1 and <= MostLabels ? number
        : throw Bad(file, field, json[field], $"a whole number from 1 to {MostLabels}");

    private static string? Text(JsonObject json, string field, string file) => json[field] is null ? null
        : json[field] is JsonValue value && value.TryGetValue<string>(out var text) ? text : throw Bad(file, field, json[field], "a text");

    private static bool Flag(JsonObject json, string field, bool fallback, string file) => json[field] is null ? fallback
        : json[field] is JsonValue value && value.TryGetValue<bool>(out var flag)
            ? flag
            : throw Bad(file, field, json[field], "true or false");

    private static PeftException Bad(string file, string field, JsonNode? found, string expected) =>
        new(
            $"{file}: field {Quoted.Name(field)} is {(found is null ? "missing" : Quoted.Name(found.ToJsonString()))}; "
            + $"expected {expected}.");
}
