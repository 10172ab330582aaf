using System.Text.Json;
using System.Text.Json.Serialization;

namespace PeftSharp.Methods;

/// <summary>Reads and writes <see cref="Targets"/> as a JSON text or list of texts.</summary>
internal sealed class TargetsConverter : JsonConverter<Targets>
{
    public override Targets? Read(ref Utf8JsonReader reader, Type type, JsonSerializerOptions options) => reader.TokenType switch
    {
        JsonTokenType.Null => null,
        JsonTokenType.String => new(reader.GetString()!),
        _ => new(InnerJson.Read<List<string>>(ref reader, options) ?? []),
    };

    public override void Write(Utf8JsonWriter writer, Targets value, JsonSerializerOptions options)
    {
        if (value.Text is not null) writer.WriteStringValue(value.Text);
        else JsonSerializer.Serialize(writer, value.Names, options);
    }
}
