using System.Text.Json.Nodes;

namespace PeftSharp.Files.Yaml;

/// <summary>A sequence.</summary>
internal sealed record YamlList(int Line, IReadOnlyList<YamlValue> Items) : YamlValue(Line)
{
    public override JsonNode Json() => new JsonArray([.. Items.Select(item => item.Json())]);
}
