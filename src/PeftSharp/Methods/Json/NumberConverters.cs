using System.Text.Json;
using System.Text.Json.Serialization;

namespace PeftSharp.Methods.Json;

/// <summary>A field that is a float in the Python library: always written with a point or an exponent.</summary>
internal sealed class FloatConverter : JsonConverter<double>
{
    public override double Read(ref Utf8JsonReader reader, Type type, JsonSerializerOptions options) => reader.GetDouble();

    public override void Write(Utf8JsonWriter writer, double value, JsonSerializerOptions options) => writer.WriteRawValue(PythonNumber.FloatText(value));
}

/// <summary>A field that takes whole numbers and floats in the Python library: whole where the number is.</summary>
internal sealed class AnyNumberConverter : JsonConverter<double>
{
    public override double Read(ref Utf8JsonReader reader, Type type, JsonSerializerOptions options) => reader.GetDouble();

    public override void Write(Utf8JsonWriter writer, double value, JsonSerializerOptions options) => writer.WriteRawValue(PythonNumber.AnyText(value));
}

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
