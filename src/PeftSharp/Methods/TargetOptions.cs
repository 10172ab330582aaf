using System.Text.Json;
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

    // True if files keep the chosen maps as [in, out] (peft's fan_in_fan_out); known once the adapter is attached.
    internal bool AreTransposed { get; init; }

    // True if a file says so, where the method has no setting of that name.
    internal bool SaysTransposed => Unknown?.TryGetValue("fan_in_fan_out", out var value) == true && value.ValueKind == JsonValueKind.True;

    /// <summary>Checks the choice of modules; a method's own checks call it.</summary>
    /// <exception cref="PeftException">Layers are chosen in two ways at once, or a file asks for trained biases and the method has no such
    /// setting.</exception>
    protected void ValidateTargets()
    {
        if (Unknown?.TryGetValue("bias", out var bias) == true && !(bias.ValueKind == JsonValueKind.String && bias.GetString() == "none"))
            throw Bad("bias", bias.GetRawText(), "\"none\": biases are not trained with this method");
        if (LayersToTransform is not null && TargetModules?.Text is not null && !TargetModules.IsAllLinear)
            throw Bad(
                "layers_to_transform", LayersToTransform, "null where \"target_modules\" is a pattern (put the layers into the pattern)");
    }

    /// <summary>Refuses a number that is no rank, or no other count of that kind: a whole number from 1 to 65536.</summary>
    private protected void ValidateRank(string field, int rank)
    {
        if (rank is < 1 or > 1 << 16) throw Bad(field, rank, "a whole number from 1 to 65536");
    }

    /// <summary>Refuses a number that is no probability below 1.</summary>
    private protected void ValidateDropout(string field, double probability)
    {
        if (probability is not (>= 0 and < 1)) throw Bad(field, probability, "a probability from 0 to less than 1");
    }

    /// <summary>Refuses a number that is too large, or none.</summary>
    private protected void ValidateSize(string field, double number, double largest)
    {
        if (!(Math.Abs(number) <= largest)) throw Bad(field, number, $"a number from -{largest:F0} to {largest:F0}");
    }
}
