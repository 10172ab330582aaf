using System.Text.Json;
using System.Text.Json.Serialization;

namespace PeftSharp.Methods;

internal sealed class TokenIndicesConverter : JsonConverter<TokenIndices>
{
    public override TokenIndices? Read(ref Utf8JsonReader reader, Type type, JsonSerializerOptions options) => reader.TokenType switch
    {
        JsonTokenType.Null => null,
        JsonTokenType.StartArray =>
            new(new Dictionary<string, IReadOnlyList<long>> { [TokenIndices.Input] = InnerJson.Read<List<long>>(ref reader, options)! }),
        _ =>
            new(
                InnerJson.Read<Dictionary<string, List<long>>>(ref reader, options)!
                    .ToDictionary(p => p.Key, p => (IReadOnlyList<long>)p.Value)),
    };

    public override void Write(Utf8JsonWriter writer, TokenIndices value, JsonSerializerOptions options)
    {
        if (value.ByModule.Count == 1 && value.ByModule.TryGetValue(TokenIndices.Input, out var list))
            JsonSerializer.Serialize(writer, list, options);
        else JsonSerializer.Serialize(writer, value.ByModule, options);
    }
}
