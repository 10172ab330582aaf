using System.Text.Json;

namespace PeftSharp.Methods;

/// <summary>Reads a part of a setting for its converter.</summary>
internal static class InnerJson
{
    /// <summary>The value; a failure without a path of its own, so that the serializer adds the setting's.</summary>
    public static T? Read<T>(ref Utf8JsonReader reader, JsonSerializerOptions options)
    {
        try
        {
            return JsonSerializer.Deserialize<T>(ref reader, options);
        }
        catch (JsonException e)
        {
            throw new JsonException(null, e);
        }
    }
}
