using System.Text.Json;
using System.Text.Json.Serialization;

namespace PeftSharp.Methods.Json;

/// <summary>Such numbers by name.</summary>
internal sealed class AnyNumbersConverter : JsonConverter<IReadOnlyDictionary<string, double>>
{
    public override IReadOnlyDictionary<string, double>? Read(ref Utf8JsonReader reader, Type type, JsonSerializerOptions options) =>
        JsonSerializer.Deserialize<Dictionary<string, double>>(ref reader, options);

    public override void Write(Utf8JsonWriter writer, IReadOnlyDictionary<string, double> value, JsonSerializerOptions options)
    {
        writer.WriteStartObject();
        foreach (var (name, number) in value)
        {
            writer.WritePropertyName(name);
            writer.WriteRawValue(PythonNumber.AnyText(number));
        }
        writer.WriteEndObject();
    }
}
