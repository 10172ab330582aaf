using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace PeftSharp.Methods;

internal sealed class MethodPartConverter : JsonConverter<MethodPart>
{
    private const string Method = "method", PeftType = "peft_type";

    public override MethodPart? Read(ref Utf8JsonReader reader, Type type, JsonSerializerOptions options)
    {
        if (reader.TokenType == JsonTokenType.Null) return null;
        if (reader.TokenType == JsonTokenType.String) return new(Named(reader.GetString()!));
        var fields = InnerJson.Read<JsonObject>(ref reader, options) ?? throw new JsonException();
        var start = Text(fields, Method) is { } name ? Named(name)
            : Text(fields, PeftType) is { } peftType
                ? MethodRegistry.ByPeftType(peftType)?.CreateOptions() ?? throw new JsonException()
                : throw new JsonException();
        // What is not given is as the name says, presets included.
        var all = (JsonObject)JsonSerializer.SerializeToNode(start, start.GetType(), options)!;
        foreach (var (field, value) in fields.Where(f => f.Key is not (Method or PeftType))) all[field] = value?.DeepClone();
        return new((MethodOptions)all.Deserialize(start.GetType(), options)!);
    }

    // What differs from the method's own defaults, so that a reader sees what was chosen.
    public override void Write(Utf8JsonWriter writer, MethodPart value, JsonSerializerOptions options)
    {
        var type = value.Options.GetType();
        var json = (JsonObject)JsonSerializer.SerializeToNode(value.Options, type, options)!;
        var defaults = (JsonObject)JsonSerializer.SerializeToNode(Activator.CreateInstance(type), type, options)!;
        var written = new JsonObject { [PeftType] = value.Options.PeftType };
        foreach (var (name, field) in json)
            if (field is not null && !OfTheWhole.Contains(name) && !JsonNode.DeepEquals(field, defaults[name]))
                written[name] = field.DeepClone();
        written.WriteTo(writer, options);
    }

    // The whole says them, or nobody.
    private static readonly string[] OfTheWhole =
        [nameof(MethodOptions.PeftType), "task_type", "base_model_name_or_path", "revision", "inference_mode", "modules_to_save"];

    private static string? Text(JsonObject fields, string name) =>
        fields[name] is JsonValue value && value.TryGetValue<string>(out var text) ? text : null;

    private static MethodOptions Named(string name)
    {
        try
        {
            return MethodRegistry.Options(name);
        }
        catch (PeftException e)
        {
            throw new JsonException(e.Message, e);
        }
    }
}
