using System.Text.Json.Serialization;

namespace PeftSharp.Methods;

/// <summary>Settings of a method that acts on modules of the user's choice, under the names that peft's methods share.</summary>
public abstract record TargetOptions : MethodOptions
{
    /// <summary>Modules to adapt: names, a pattern, or <c>all-linear</c>; null: queries and values.</summary>
    [JsonPropertyName("target_modules")]
    public Targets? TargetModules { get; init; }

    /// <summary>Layers to adapt; null: all.</summary>
    [JsonPropertyName("layers_to_transform")]
    public Layers? LayersToTransform { get; init; }

    /// <summary>Name of the list of layers inside the model; needed only where the model has several.</summary>
    [JsonPropertyName("layers_pattern")]
    public Targets? LayersPattern { get; init; }

    // Modules to leave out, where the method has such a setting.
    internal virtual Targets? Excluded => null;

    /// <summary>Checks the choice of modules; a method's own checks call it.</summary>
    /// <exception cref="PeftException">Layers are chosen in two ways at once.</exception>
    protected void ValidateTargets()
    {
        if (LayersToTransform is not null && TargetModules?.Text is not null && !TargetModules.IsAllLinear)
            throw Bad("layers_to_transform", LayersToTransform, "null where \"target_modules\" is a pattern (put the layers into the pattern)");
    }
}
