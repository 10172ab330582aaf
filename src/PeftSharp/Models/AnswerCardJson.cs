using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using PeftSharp.Files;
using PeftSharp.Models.Heads;

namespace PeftSharp.Models;

/// <summary>Answer cards as JSON: strict when read, for a card comes from a stranger's file until it is parsed.</summary>
internal static class AnswerCardJson
{
    private const int Version = 1, MostCharacters = 8 << 20, MostLabels = 1 << 17, LongestName = 4096;

    public static readonly JsonSerializerOptions OneLine = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static readonly Dictionary<string, TaskKind> Tasks = new(StringComparer.Ordinal)
    {
        ["embedding"] = TaskKind.Embedding,
        ["classification"] = TaskKind.Classification,
        ["multi_label_classification"] = TaskKind.MultiLabel,
        ["regression"] = TaskKind.Regression,
        ["token_classification"] = TaskKind.TokenClassification,
        ["question_answering"] = TaskKind.QuestionAnswering,
        ["causal_language"] = TaskKind.CausalLanguage,
        ["sequence_to_sequence"] = TaskKind.SequenceToSequence,
    };

    private static readonly Dictionary<string, Pooling> Poolings = new(StringComparer.Ordinal)
    {
        ["pooler"] = Pooling.Pooler,
        ["cls"] = Pooling.Cls,
        ["mean"] = Pooling.Mean,
        ["last"] = Pooling.Last,
    };

    private static readonly JsonDocumentOptions Strict = new() { MaxDepth = 8, AllowDuplicateProperties = false };

    public static JsonObject Write(AnswerCard card)
    {
        var json = new JsonObject
        {
            ["version"] = Version,
            ["task"] = Tasks.First(t => t.Value == card.Task).Key,
            ["pooling"] = Poolings.First(p => p.Value == card.Pooling).Key,
        };
        if (card.Labels is { } labels) json["labels"] = new JsonArray([.. labels.Select(l => (JsonNode?)l)]);
        if (card.Pairs is { } pairs) json["pairs"] = pairs;
        if (card.MaxLength is { } length) json["max_length"] = length;
        if (card.Tokenizer is { } tokenizer) json["tokenizer"] = tokenizer;
        if (card.Quantize is { } quantize) json["quantize"] = Written(quantize);
        if (card.Columns is { } columns)
            json["columns"] = new JsonObject { ["text"] = columns.Text, ["pair"] = columns.Pair, ["label"] = columns.Label };
        return json;
    }

    private static JsonObject Written(Quantization quantize)
    {
        var json = new JsonObject { ["type"] = quantize.Name };
        if (quantize is not FourBitOptions four) return json;
        json["block_size"] = four.BlockSize;
        json["double_quant"] = four.Double;
        return json;
    }

    public static AnswerCard Read(string text, string place)
    {
        if (text.Length > MostCharacters) throw Bad(place, $"has {text.Length} characters, more than {MostCharacters}");
        try
        {
            using var document = JsonDocument.Parse(text, Strict);
            return Card(document.RootElement, place);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException or ArgumentException)
        {
            throw Bad(place, $"is not the JSON of one ({e.Message.Split(". ")[0].TrimEnd('.')})", e);
        }
    }

    private static AnswerCard Card(JsonElement json, string place)
    {
        var fields =
            Fields(json, place, "it", ["version", "task", "pooling", "labels", "pairs", "max_length", "tokenizer", "quantize", "columns"]);
        if (!fields.TryGetValue("version", out var version) || Whole(version, place, "version", 1, int.MaxValue) != Version)
            throw Bad(
                place,
                $"has the version {(fields.ContainsKey("version") ? version.GetRawText() : "none")} where {Version} is expected; it was "
                + "written by another version of this program");
        return new AnswerCard
        {
            Task = Named(fields, place, "task", Tasks),
            Pooling = Named(fields, place, "pooling", Poolings),
            Labels = fields.TryGetValue("labels", out var labels) ? Labels(labels, place) : null,
            Pairs = fields.TryGetValue("pairs", out var pairs) ? Flag(pairs, place, "pairs") : null,
            MaxLength = fields.TryGetValue("max_length", out var length) ? Whole(length, place, "max_length", 1, 1 << 24) : null,
            Tokenizer = fields.TryGetValue("tokenizer", out var tokenizer) ? Flag(tokenizer, place, "tokenizer") : null,
            Quantize = fields.TryGetValue("quantize", out var quantize) ? Quantize(quantize, place) : null,
            Columns = fields.TryGetValue("columns", out var columns) ? Columns(columns, place) : null,
        };
    }

    private static Dictionary<string, JsonElement> Fields(JsonElement json, string place, string what, string[] known)
    {
        if (json.ValueKind != JsonValueKind.Object) throw Bad(place, $"has something that is no JSON object where {what} is expected");
        var fields = new Dictionary<string, JsonElement>(StringComparer.Ordinal);
        foreach (var field in json.EnumerateObject())
        {
            if (!known.Contains(field.Name)) throw Bad(place, $"has the unknown field {Quoted.Name(field.Name)}");
            if (field.Value.ValueKind != JsonValueKind.Null) fields.Add(field.Name, field.Value);
        }
        return fields;
    }

    private static List<string> Labels(JsonElement json, string place)
    {
        if (json.ValueKind != JsonValueKind.Array || json.GetArrayLength() is < 1 or > MostLabels)
            throw Bad(place, $"has \"labels\" that are no list of 1 to {MostLabels} names");
        return [.. json.EnumerateArray().Select(name => Text(name, place, "labels"))];
    }

    private static Quantization Quantize(JsonElement json, string place)
    {
        var fields = Fields(json, place, "\"quantize\"", ["type", "block_size", "double_quant"]);
        var name = fields.TryGetValue("type", out var type) ? Text(type, place, "quantize.type") : null;
        if (name is not ("nf4" or "fp4" or "int8")) throw Bad(place, "has no \"quantize.type\" that is one of nf4, fp4, int8");
        if (name == "int8" && fields.Count > 1) throw Bad(place, "gives \"quantize\" settings of 4 bits beside the type int8");
        var block = fields.TryGetValue("block_size", out var size) ? Whole(size, place, "quantize.block_size", 32, 4096) : 64;
        if (!int.IsPow2(block)) throw Bad(place, $"has a \"quantize.block_size\" of {block}, which is no power of two");
        return Quantization.Named(
            name, block, fields.TryGetValue("double_quant", out var twice) && Flag(twice, place, "quantize.double_quant"))!;
    }

    private static TrainedColumns Columns(JsonElement json, string place)
    {
        var fields = Fields(json, place, "\"columns\"", ["text", "pair", "label"]);
        string? Name(string field) => fields.TryGetValue(field, out var value) ? Text(value, place, $"columns.{field}") : null;
        return new(Name("text"), Name("pair"), Name("label"));
    }

    private static T Named<T>(Dictionary<string, JsonElement> fields, string place, string field, Dictionary<string, T> known)
    {
        if (
            fields.TryGetValue(field, out var value)
                && value.ValueKind == JsonValueKind.String
                && known.TryGetValue(value.GetString()!, out var found))
            return found;
        throw Bad(place, $"has no \"{field}\" that is one of {string.Join(", ", known.Keys)}");
    }

    private static string Text(JsonElement json, string place, string field) =>
        json.ValueKind == JsonValueKind.String && json.GetString() is { Length: <= LongestName } text ? text
        : throw Bad(place, $"has a \"{field}\" that is no text of at most {LongestName} characters");

    private static bool Flag(JsonElement json, string place, string field) => json.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => throw Bad(place, $"has a \"{field}\" that is neither true nor false"),
    };

    private static int Whole(JsonElement json, string place, string field, int least, int most) =>
        json.ValueKind == JsonValueKind.Number && json.TryGetInt32(out var number) && number >= least && number <= most ? number
        : throw Bad(place, $"has a \"{field}\" that is no whole number from {least} to {most}");

    private static PeftException Bad(string place, string what, Exception? inner = null)
    {
        var message = $"{place}: the card \"{AnswerCard.Key}\" {what}; download the file again, or write it anew from its source.";
        return inner is null ? new(message) : new(message, inner);
    }
}
