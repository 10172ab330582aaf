using System.Text.Json.Nodes;

namespace PeftSharp.Files.Yaml;

/// <summary>A value of a YAML file with the line that it starts in: a scalar, a list or a mapping.</summary>
internal abstract record YamlValue(int Line)
{
    /// <summary>The value as JSON: plain scalars become null, truth values and numbers where they look like ones.</summary>
    public abstract JsonNode? Json();
}
