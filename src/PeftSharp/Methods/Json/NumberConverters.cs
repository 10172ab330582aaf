using System.Text.Json;
using System.Text.Json.Serialization;

namespace PeftSharp.Methods.Json;

/// <summary>A field that is a float in the Python library: always written with a point or an exponent.</summary>
internal sealed class FloatConverter : JsonConverter<double>
{
    public override double Read(ref Utf8JsonReader reader, Type type, JsonSerializerOptions options) => reader.GetDouble();

    public override void Write(Utf8JsonWriter writer, double value, JsonSerializerOptions options) =>
        writer.WriteRawValue(PythonNumber.FloatText(value));
}
