using System.Globalization;
using System.Text.Json.Nodes;

namespace PeftSharp.Files.Yaml;

/// <summary>A value of a YAML file with the line that it starts in: a scalar, a list or a mapping.</summary>
internal abstract record YamlValue(int Line)
{
    /// <summary>The value as JSON: plain scalars become null, truth values and numbers where they look like ones.</summary>
    public abstract JsonNode? Json();
}

/// <summary>A text; plain where it stands without quotes.</summary>
internal sealed record YamlScalar(int Line, string Text, bool IsPlain) : YamlValue(Line)
{
    public bool IsNull => IsPlain && Text is "" or "null" or "~";

    public override JsonNode? Json()
    {
        if (IsNull) return null;
        if (!IsPlain) return Text;
        if (bool.TryParse(Text, out var flag)) return flag;
        if (long.TryParse(Text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var whole)) return whole;
        return double.TryParse(Text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number) ? number : Text;
    }
}

/// <summary>A sequence.</summary>
internal sealed record YamlList(int Line, IReadOnlyList<YamlValue> Items) : YamlValue(Line)
{
    public override JsonNode Json() => new JsonArray([.. Items.Select(item => item.Json())]);
}

/// <summary>A mapping; its keys are different texts, in the order of the file.</summary>
internal sealed record YamlMap(int Line, IReadOnlyList<(YamlScalar Key, YamlValue Value)> Entries) : YamlValue(Line)
{
    public override JsonObject Json() => new(Entries.Select(entry => KeyValuePair.Create(entry.Key.Text, entry.Value.Json())));
}
