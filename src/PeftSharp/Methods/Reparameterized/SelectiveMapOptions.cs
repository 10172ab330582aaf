using System.Text.Json.Serialization;

namespace PeftSharp.Methods.Reparameterized;

/// <summary>Which linear maps a method changes, with modules that are left out.</summary>
public abstract record SelectiveMapOptions : MapOptions
{
    /// <summary>Modules to leave out.</summary>
    [JsonPropertyName("exclude_modules")]
    public Targets? ExcludeModules { get; init; }

    internal override Targets? Excluded => ExcludeModules;
}
