using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace PeftSharp.Files.Json;

/// <summary>JSON as it is written: indented or on one line, without anything that a terminal would obey.</summary>
public static class JsonText
{
    private static readonly JsonSerializerOptions Pretty = new()
    {
        WriteIndented = true,
        NewLine = "\n",
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };
    private static readonly JsonSerializerOptions OneLine = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Indented, of several lines.</summary>
    public static string Text(JsonNode json) => Visible(json.ToJsonString(Pretty));

    /// <summary>On one line.</summary>
    public static string Line(JsonNode json) => Visible(json.ToJsonString(OneLine));

    // What a terminal would obey instead of show stands in strings only, where JSON has another way to write it.
    private static string Visible(string json) => json.All(c => c == '\n' || Printable.IsVisible(c)) ? json
        : string.Concat(json.Select(c => c == '\n' || Printable.IsVisible(c) ? $"{c}" : $"\\u{(int)c:x4}"));

    /// <summary>A number; null where JSON has none (NaN, infinity).</summary>
    public static JsonNode? Number(double value) => double.IsFinite(value) ? JsonValue.Create(value) : null;

    /// <summary>Numbers by name.</summary>
    public static JsonObject Numbers(IEnumerable<KeyValuePair<string, double>> values) =>
        new(values.Select(v => KeyValuePair.Create(v.Key, Number(v.Value))));

    /// <summary>A list of texts.</summary>
    public static JsonArray Texts(IEnumerable<string> values) => new([.. values.Select(v => (JsonNode?)v)]);
}
