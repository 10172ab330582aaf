using System.Text.Json.Nodes;
using PeftSharp.Files;
using PeftSharp.Files.Json;
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

    private static readonly Dictionary<string, TaskKind> LanguageHeads = new(StringComparer.Ordinal)
    {
        ["causal_lm"] = TaskKind.CausalLanguage,
        ["seq2seq_lm"] = TaskKind.SequenceToSequence,
    };

    /// <summary>The name of a saved map to the vocabulary, which has to be the base's own; null for another head.</summary>
    public string? LanguageMap { get; init; }

    /// <summary>Reads it; null if the folder has none.</summary>
    /// <exception cref="PeftException">It is damaged, or describes a head that is not supported.</exception>
    public static HubHeadConfig? TryRead(string folder)
    {
        var file = System.IO.Path.Combine(folder, FileName);
        if (!File.Exists(file)) return null;
        var json = AdapterJson.ReadObject(file);
        if (json["config"] is not JsonObject config) return new(null, LabelsOf(json, file), null);
        var type = Text(config, "head_type", file);
        if (LanguageHeads.TryGetValue(type ?? "", out var writes)) return OfLanguage(config, writes, Text(json, "name", file), file);
        if (!FlexibleHead.Types.TryGetValue(type ?? "", out var kind))
            throw Bad(
                file, "head_type", config["head_type"],
                $"one of {string.Join(", ", FlexibleHead.Types.Keys.Concat(LanguageHeads.Keys))}; no other head of AdapterHub's flexible "
                + "layout has a counterpart here");
        var labels = LabelsOf(config, file) ?? throw Bad(file, "num_labels", config["num_labels"], "a whole number of at least 1");
        if (kind == TaskKind.QuestionAnswering && labels.Count != 2)
            throw Bad(file, "num_labels", config["num_labels"], "2, the start and the end of an answer");
        // AdapterHub takes the mean squared error where a classification head has one output.
        var task = kind == TaskKind.Classification && labels.Count == 1 ? TaskKind.Regression : kind;
        return new(task, labels, Layout(config, kind, Text(json, "name", file), file));
    }

    // The base's own map to the vocabulary, under a name of its own: there is nothing in it that the base does not have.
    private static HubHeadConfig OfLanguage(JsonObject config, TaskKind task, string? name, string file)
    {
        if (string.IsNullOrEmpty(name)) throw Bad(file, "name", null, "the head's name");
        if ((Whole(config, "layers", file) ?? 1) != 1)
            throw Bad(file, "layers", config["layers"], "1: the base's own map to its vocabulary is all that is read");
        if (Flag(config, "bias", false, file)) throw Bad(file, "bias", config["bias"], "false, as the base's map has none");
        return new(task, null, null) { LanguageMap = $"{FlexibleHead.Module}.{name}.0.weight" };
    }

    private static FlexibleHead Layout(JsonObject config, TaskKind kind, string? name, string file)
    {
        if (string.IsNullOrEmpty(name)) throw Bad(file, "name", null, "the head's name");
        if (!Flag(config, "bias", true, file)) throw Bad(file, "bias", config["bias"], "true: maps without a bias are not supported");
        var pooled = Flag(config, "use_pooler", false, file);
        var ofTokens = kind is TaskKind.TokenClassification or TaskKind.QuestionAnswering;
        if (pooled && ofTokens) throw Bad(file, "use_pooler", config["use_pooler"], "false, or none: such a head reads every token");
        var layers = Whole(config, "layers", file) ?? (ofTokens ? 1 : 2);
        if (layers < 1 || layers > (pooled ? 1 : 2))
            throw Bad(file, "layers", config["layers"], pooled ? "1 where the pooler is read" : "1 or 2");
        var activation = Text(config, "activation_function", file)?.ToLowerInvariant();
        if (activation is not null && !Activation.Names.Contains(activation))
            throw Bad(file, "activation_function", config["activation_function"], $"one of {string.Join(", ", Activation.Names)}");
        var dropout = config["dropout_prob"] is null ? (double?)null
            : config["dropout_prob"] is JsonValue value && value.TryGetValue<double>(out var p) && p is >= 0 and < 1 ? p
            : throw Bad(file, "dropout_prob", config["dropout_prob"], "a probability from 0 to less than 1");
        return new(name, layers, activation, pooled, dropout) { Kind = kind };
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
            $"{file}: field {Quoted.Name(field)} is {(found is null ? "missing" : JsonFields.Describe(found))}; "
            + $"expected {expected}.");
}
