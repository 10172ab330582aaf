using System.Text.Json.Nodes;
using PeftSharp.Files.Gguf;
using PeftSharp.Files.Json;

namespace PeftSharp.Models;

/// <summary>A model folder's <c>config.json</c>: typed access, with an error that names file and field.</summary>
public sealed class ModelConfig
{
    // Fields that somebody asked for, in this document or a copy of it: the others change nothing here.
    private readonly HashSet<string> _asked;

    private ModelConfig(JsonObject json, string file, HashSet<string>? asked = null)
    {
        Json = json;
        File = file;
        _asked = asked ?? [];
    }

    /// <summary>The whole document; fields that this library does not know are kept when it is written again.</summary>
    internal JsonObject Json { get; }

    /// <summary>Where it was read.</summary>
    internal string File { get; }

    /// <summary>The architecture, for example <c>bert</c>.</summary>
    public string ModelType => Text("model_type");

    /// <summary>
    /// Reads <c>config.json</c> of a model folder; of a GGUF file, or a folder that has one and no <c>config.json</c>, what its metadata
    /// says.
    /// </summary>
    /// <exception cref="PeftException">The file is missing, too large, or not a JSON object; the GGUF file is damaged or of an architecture
    /// that is not known.</exception>
    public static ModelConfig Read(string folder)
    {
        var file = Path.Combine(folder, "config.json");
        if (!System.IO.File.Exists(file) && GgufPath.Find(folder) is { } path)
        {
            using var gguf = GgufFile.Open(path);
            return new(GgufConfig.Of(gguf), path);
        }
        if (!System.IO.File.Exists(file))
            throw new PeftException(
                $"{folder} has no config.json, so it is not a Hugging Face model folder; give the folder that holds config.json and "
                + "model.safetensors.");
        return new(StrictJson.ReadObject(file, "restore the file from the model's source"), file);
    }

    /// <summary>Reads a configuration from a file of any name.</summary>
    /// <exception cref="PeftException">The file is missing, too large, or not a JSON object.</exception>
    public static ModelConfig ReadFile(string file)
    {
        if (!System.IO.File.Exists(file)) throw new PeftException($"{file} does not exist; give the config.json of a model.");
        return new(StrictJson.ReadObject(file, "restore the file from the model's source"), file);
    }

    /// <summary>Wraps a configuration made in memory.</summary>
    public static ModelConfig From(JsonObject json, string name = "config.json") => new(json, name);

    /// <summary>A copy that can be changed without changing this one.</summary>
    internal ModelConfig Clone() => new((JsonObject)Json.DeepClone(), File, _asked);

    /// <summary>A field's value as it stands there, or null.</summary>
    internal JsonNode? Node(string field)
    {
        _asked.Add(field);
        return Json[field];
    }

    /// <summary>True if the field is there and not null.</summary>
    internal bool Has(string field) => Node(field) is not null;

    /// <summary>True if a model has asked for the field.</summary>
    internal bool WasAsked(string field) => _asked.Contains(field);

    /// <summary>A required whole number between 1 and <paramref name="max"/>.</summary>
    internal int Size(string field, int max = 1 << 24)
    {
        if (Node(field) is not JsonValue value || !value.TryGetValue<int>(out var number) || number < 1 || number > max)
            throw new PeftException($"{File}: field \"{field}\" is {Show(field)}; expected a whole number from 1 to {max}.");
        return number;
    }

    /// <summary>An optional whole number.</summary>
    internal int Int(string field, int fallback) =>
        Node(field) is null ? fallback
        : Node(field) is JsonValue value && value.TryGetValue<int>(out var number) ? number
        : throw new PeftException($"{File}: field \"{field}\" is {Show(field)}; expected a whole number.");

    /// <summary>An optional number.</summary>
    internal double Number(string field, double fallback) =>
        Node(field) is null ? fallback
        : Node(field) is JsonValue value && value.TryGetValue<double>(out var number) ? number
        : throw new PeftException($"{File}: field \"{field}\" is {Show(field)}; expected a number.");

    /// <summary>An optional truth value; false where it is missing.</summary>
    internal bool Flag(string field) =>
        Node(field) is null ? false
        : Node(field) is JsonValue value && value.TryGetValue<bool>(out var flag) ? flag
        : throw new PeftException($"{File}: field \"{field}\" is {Show(field)}; expected true or false.");

    /// <summary>A probability: 0 ≤ p &lt; 1.</summary>
    internal double Probability(string field, double fallback)
    {
        var p = Number(field, fallback);
        return p is >= 0 and < 1
            ? p
            : throw new PeftException($"{File}: field \"{field}\" is {p}; expected a probability from 0 to less than 1.");
    }

    /// <summary>A small number that keeps a division from zero: 0 to 1.</summary>
    internal double Epsilon(string field, double fallback)
    {
        var number = Number(field, fallback);
        return number is >= 0 and <= 1
            ? number
            : throw new PeftException($"{File}: field \"{field}\" is {number}; expected a number from 0 to 1.");
    }

    /// <summary>The standard deviation of new weights: 0 to 100.</summary>
    internal double Deviation(string field, double fallback)
    {
        var number = Number(field, fallback);
        return number is >= 0 and <= 100
            ? number
            : throw new PeftException($"{File}: field \"{field}\" is {number}; expected a number from 0 to 100.");
    }

    /// <summary>A text; required unless a fallback is given.</summary>
    internal string Text(string field, string? fallback = null) =>
        Node(field) is JsonValue value && value.TryGetValue<string>(out var text) ? text
        : Node(field) is null && fallback is not null ? fallback
        : throw new PeftException($"{File}: field \"{field}\" is {Show(field)}; expected a text.");

    /// <summary>
    /// Class names from <c>id2label</c> in order of their ids, told apart by their id where one occurs twice; null if there are none.
    /// </summary>
    internal IReadOnlyList<string>? Labels()
    {
        if (Json["id2label"] is not JsonObject map)
            return Json["num_labels"] is null ? null : [.. Enumerable.Range(0, Size("num_labels", 1 << 16)).Select(i => $"LABEL_{i}")];
        var labels = new string?[map.Count];
        foreach (var (key, value) in map)
        {
            if (
                !int.TryParse(key, out var id) || id < 0 || id >= labels.Length || labels[id] is not null || value is not JsonValue v
                    || !v.TryGetValue<string>(out var name))
                throw new PeftException(
                    $"{File}: field \"id2label\" has the entry \"{key}\"; expected the ids 0 to {labels.Length - 1}, each with a name.");
            labels[id] = name;
        }
        return labels.Length == 0 ? null : Heads.LabelNames.Distinct(labels!);
    }

    private string Show(string field) => Json[field] is { } value ? JsonFields.Describe(value) : "missing";
}
