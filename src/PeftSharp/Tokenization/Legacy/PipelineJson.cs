using System.Text.Json;

namespace PeftSharp.Tokenization.Legacy;

/// <summary>Writes the parts of a tokenizer.json.</summary>
internal static class PipelineJson
{
    /// <summary>A part of a template.</summary>
    public static void WritePart(Utf8JsonWriter json, string kind, string id, int typeId)
    {
        json.WriteStartObject();
        json.WriteStartObject(kind);
        json.WriteString("id", id);
        json.WriteNumber("type_id", typeId);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    /// <summary>A JSON object with these members.</summary>
    public static byte[] Write(Action<Utf8JsonWriter> members)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream))
        {
            json.WriteStartObject();
            members(json);
            json.WriteEndObject();
        }
        return stream.ToArray();
    }

    /// <summary>A step of the pipeline: an object with a type.</summary>
    public static void WriteObject(Utf8JsonWriter json, string name, string type, Action? members = null)
    {
        json.WriteStartObject(name);
        json.WriteString("type", type);
        members?.Invoke();
        json.WriteEndObject();
    }

    /// <summary>The vocabulary of a model.</summary>
    public static void WriteVocabulary(Utf8JsonWriter json, Dictionary<string, int> vocabulary)
    {
        json.WriteStartObject("vocab");
        foreach (var (token, id) in vocabulary)
        {
            json.WriteNumber(token, id);
        }
        json.WriteEndObject();
    }

    /// <summary>The list of added tokens.</summary>
    public static void WriteAddedTokens(Utf8JsonWriter json, IReadOnlyList<AddedToken> tokens)
    {
        json.WritePropertyName("added_tokens");
        WriteTokens(json, tokens);
    }

    /// <summary>A list of added tokens.</summary>
    public static void WriteTokens(Utf8JsonWriter json, IReadOnlyList<AddedToken> tokens)
    {
        json.WriteStartArray();
        foreach (var token in tokens)
        {
            json.WriteStartObject();
            json.WriteNumber("id", token.Id);
            json.WriteString("content", token.Content);
            json.WriteBoolean("single_word", token.SingleWord);
            json.WriteBoolean("lstrip", token.StripLeft);
            json.WriteBoolean("rstrip", token.StripRight);
            json.WriteBoolean("normalized", token.Normalized);
            json.WriteBoolean("special", token.Special);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    /// <summary>A special token with its id, as BERT's and RoBERTa's post-processors have it.</summary>
    public static void WriteSpecial(Utf8JsonWriter json, string name, string token, Dictionary<string, int> vocabulary, string path)
    {
        json.WriteStartArray(name);
        json.WriteStringValue(token);
        json.WriteNumberValue(IdOf(token, vocabulary, path));
        json.WriteEndArray();
    }

    /// <summary>The id of a special token that the pipeline needs.</summary>
    public static int IdOf(string token, Dictionary<string, int> vocabulary, string path) => vocabulary.TryGetValue(token, out var id) ? id
        : throw new PeftException($"{path} lacks the special token {token}: name the right one in tokenizer_config.json beside it.");
}
