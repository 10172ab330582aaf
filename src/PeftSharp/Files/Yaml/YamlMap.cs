using System.Text.Json.Nodes;

namespace PeftSharp.Files.Yaml;

/// <summary>A mapping; its keys are different texts, in the order of the file.</summary>
internal sealed record YamlMap(int Line, IReadOnlyList<(YamlScalar Key, YamlValue Value)> Entries) : YamlValue(Line)
{
    public override JsonObject Json() => new(Entries.Select(entry => KeyValuePair.Create(entry.Key.Text, entry.Value.Json())));
}
