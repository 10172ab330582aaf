using System.Text.Json;
using System.Text.Json.Serialization;

namespace PeftSharp.Methods;

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
