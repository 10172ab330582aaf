using System.Text.Json;
using System.Text.Json.Serialization;
using PeftSharp.Methods.Json;

namespace PeftSharp.Methods.Reparameterized.Lora.Start;

/// <summary>Settings of the EVA start (Paischer et al. 2024, arXiv 2410.07170).</summary>
public sealed record EvaOptions
{
    /// <summary>A map's rank may grow to so many times <c>r</c>; from 1 to 100; 1 leaves every rank as it is; default 2.</summary>
    [JsonPropertyName("rho")]
    [JsonConverter(typeof(FloatConverter))]
    public double Rho { get; init; } = 2;

    /// <summary>
    /// A map's inputs are no longer looked at once its directions agree with those of the example before by this cosine; from 0 to 1;
    /// default 0.99.
    /// </summary>
    [JsonPropertyName("tau")]
    [JsonConverter(typeof(FloatConverter))]
    public double Tau { get; init; } = 0.99;

    /// <summary>True (default) looks only at labelled tokens where tokens are what is labelled.</summary>
    [JsonPropertyName("use_label_mask")]
    public bool UseLabelMask { get; init; } = true;

    /// <summary>The label of tokens that are left out; default -100.</summary>
    [JsonPropertyName("label_mask_value")]
    public long LabelMaskValue { get; init; } = -100;

    /// <summary>True would scale the directions to unit variance; only false (default) is supported.</summary>
    [JsonPropertyName("whiten")]
    public bool Whiten { get; init; }

    /// <summary>True (default) changes a map's alpha with its rank, so that alpha / rank stays.</summary>
    [JsonPropertyName("adjust_scaling_factors")]
    public bool AdjustScalingFactors { get; init; } = true;

    /// <summary>Fields that this library does not know.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Unknown { get; init; }
}
