using System.Text.Json;

namespace PeftSharp.Runs.Proof;

/// <summary>The first place where two JSON values mean something different.</summary>
/// <param name="Path">Where, for example <c>config.alpha</c>.</param>
/// <param name="Expected">The value there, short.</param>
/// <param name="Actual">The other value, short.</param>
internal sealed record JsonDifference(string Path, string Expected, string Actual)
{
    private const int Longest = 60;

    /// <summary>
    /// Null if every field of <paramref name="expected"/> has the same meaning in the other; more fields there are allowed.
    /// </summary>
    public static JsonDifference? Find(JsonElement expected, JsonElement actual, string path)
    {
        if (expected.ValueKind == JsonValueKind.Object && actual.ValueKind == JsonValueKind.Object)
        {
            foreach (var field in expected.EnumerateObject())
            {
                var inner = path.Length == 0 ? field.Name : $"{path}.{field.Name}";
                if (!actual.TryGetProperty(field.Name, out var other))
                {
                    if (IsNothing(field.Value)) continue;
                    return new(inner, Show(field.Value), "missing");
                }
                if (Find(field.Value, other, inner) is { } difference) return difference;
            }
            return null;
        }
        return Same(expected, actual) ? null : new(path, Show(expected), Show(actual));
    }

    private static bool Same(JsonElement a, JsonElement b)
    {
        if (a.ValueKind == JsonValueKind.Number && b.ValueKind == JsonValueKind.Number)
            return a.TryGetDouble(out var x) && b.TryGetDouble(out var y) && x == y;
        // Lists of names are sets: peft writes them in any order.
        return IsNames(a) && IsNames(b) ? Names(a).SetEquals(Names(b)) : JsonElement.DeepEquals(a, b);
    }

    private static bool IsNames(JsonElement list) =>
        list.ValueKind == JsonValueKind.Array && list.EnumerateArray().All(i => i.ValueKind == JsonValueKind.String);

    private static HashSet<string?> Names(JsonElement list) => [.. list.EnumerateArray().Select(i => i.GetString())];

    private static bool IsNothing(JsonElement value) => value.ValueKind is JsonValueKind.Null or JsonValueKind.False;

    private static string Show(JsonElement value)
    {
        var text = value.GetRawText().ReplaceLineEndings(" ");
        return text.Length > Longest ? text[..Longest] + "…" : text;
    }
}
