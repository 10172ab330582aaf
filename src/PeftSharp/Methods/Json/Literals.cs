using System.Text.Json;
using System.Text.Json.Nodes;

namespace PeftSharp.Methods.Json;

/// <summary>Keeps the spelling of what was read: a value that is still the same is written as it stood.</summary>
internal static class Literals
{
    /// <summary>Puts the values of <paramref name="read"/> in place of equal ones in <paramref name="written"/>, at any depth.</summary>
    public static void Keep(JsonObject written, JsonObject? read)
    {
        foreach (var (name, value) in written.ToList())
        {
            if (value is null || read?[name] is not { } old) continue;
            if (value is JsonObject inner && old is JsonObject oldInner) Keep(inner, oldInner);
            else if (Same(value, old)) written[name] = old.DeepClone();
        }
    }

    private static bool Same(JsonNode a, JsonNode b) =>
        JsonElement.DeepEquals(JsonSerializer.SerializeToElement(a), JsonSerializer.SerializeToElement(b));
}
