using System.Text.Json;
using System.Text.Json.Serialization;

namespace PeftSharp.Methods.Json;

/// <summary>A field that takes whole numbers and floats in the Python library: whole where the number is.</summary>
internal sealed class AnyNumberConverter : JsonConverter<double>
{
    public override double Read(ref Utf8JsonReader reader, Type type, JsonSerializerOptions options) => reader.GetDouble();

    public override void Write(Utf8JsonWriter writer, double value, JsonSerializerOptions options) =>
        writer.WriteRawValue(PythonNumber.AnyText(value));
}
