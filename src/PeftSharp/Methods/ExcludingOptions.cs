using System.Text.Json.Serialization;

namespace PeftSharp.Methods;

/// <summary>Settings of a method that also takes modules out of the choice again.</summary>
public abstract record ExcludingOptions : TargetOptions
{
    /// <summary>Modules to leave out: names, or a pattern; null (default): none.</summary>
    [JsonPropertyName("exclude_modules")]
    public Targets? ExcludeModules { get; init; }

    internal sealed override Targets? Excluded => ExcludeModules;
}
