using System.Text.Json;
using System.Text.Json.Serialization;

namespace PeftSharp.Methods;

/// <summary>Layer indices: on disk one number or a list.</summary>
[JsonConverter(typeof(LayersConverter))]
public sealed record Layers(IReadOnlyList<int> Indices, bool Single = false)
{
    /// <inheritdoc/>
    public override string ToString() => $"[{string.Join(", ", Indices)}]";
}

/// <summary>Token ids whose embeddings are trained: on disk a list (the input embedding), or lists by embedding name.</summary>
[JsonConverter(typeof(TokenIndicesConverter))]
public sealed record TokenIndices(IReadOnlyDictionary<string, IReadOnlyList<long>> ByModule)
{
    /// <summary>The name that stands for the input embedding.</summary>
    public const string Input = "";
}

internal sealed class LayersConverter : JsonConverter<Layers>
{
    public override Layers? Read(ref Utf8JsonReader reader, Type type, JsonSerializerOptions options) => reader.TokenType switch
    {
        JsonTokenType.Null => null,
        JsonTokenType.Number => new([reader.GetInt32()], true),
        _ => new(InnerJson.Read<List<int>>(ref reader, options) ?? []),
    };

    public override void Write(Utf8JsonWriter writer, Layers value, JsonSerializerOptions options)
    {
        if (value.Single) writer.WriteNumberValue(value.Indices[0]);
        else JsonSerializer.Serialize(writer, value.Indices, options);
    }
}

internal sealed class TokenIndicesConverter : JsonConverter<TokenIndices>
{
    public override TokenIndices? Read(ref Utf8JsonReader reader, Type type, JsonSerializerOptions options) => reader.TokenType switch
    {
        JsonTokenType.Null => null,
        JsonTokenType.StartArray => new(new Dictionary<string, IReadOnlyList<long>> { [TokenIndices.Input] = InnerJson.Read<List<long>>(ref reader, options)! }),
        _ => new(InnerJson.Read<Dictionary<string, List<long>>>(ref reader, options)!.ToDictionary(p => p.Key, p => (IReadOnlyList<long>)p.Value)),
    };

    public override void Write(Utf8JsonWriter writer, TokenIndices value, JsonSerializerOptions options)
    {
        if (value.ByModule.Count == 1 && value.ByModule.TryGetValue(TokenIndices.Input, out var list)) JsonSerializer.Serialize(writer, list, options);
        else JsonSerializer.Serialize(writer, value.ByModule, options);
    }
}
