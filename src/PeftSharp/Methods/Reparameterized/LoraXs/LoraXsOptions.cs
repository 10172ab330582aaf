using System.Text.Json.Serialization;
using PeftSharp.Methods.Json;

namespace PeftSharp.Methods.Reparameterized.LoraXs;

/// <summary>
/// Settings of LoRA-XS (Bałazy et al. 2024, arXiv 2405.17604). peft lacks the method; its files have names of the same kind.
/// </summary>
public sealed record LoraXsOptions : ExcludingOptions
{
    /// <inheritdoc/>
    public override string PeftType => "LORA_XS";

    /// <summary>Rank: r·r numbers are trained for each map; at most the narrower width of every map; at least 1; default 8.</summary>
    [JsonPropertyName("r")]
    public int Rank { get; init; } = 8;

    /// <summary>Numerator of the scale alpha / r; default 8.</summary>
    [JsonPropertyName("alpha")]
    [JsonConverter(typeof(AnyNumberConverter))]
    public double Alpha { get; init; } = 8;

    /// <summary>Dropout of the update's input; 0 ≤ p &lt; 1; default 0.</summary>
    [JsonPropertyName("dropout")]
    [JsonConverter(typeof(FloatConverter))]
    public double Dropout { get; init; }

    /// <summary>
    /// Deviation of the normal distribution that the trained matrix starts from; 0 starts as the base; from 0 to 1; default 1e-5, as in the
    /// paper.
    /// </summary>
    [JsonPropertyName("init_std")]
    [JsonConverter(typeof(FloatConverter))]
    public double Deviation { get; init; } = 1e-5;

    /// <inheritdoc/>
    public override void Validate()
    {
        ValidateTargets();
        ValidateRank("r", Rank);
        ValidateSize("alpha", Alpha, 1e6);
        ValidateDropout("dropout", Dropout);
        if (Deviation is not (>= 0 and <= 1)) throw Bad("init_std", Deviation, "a number from 0 to 1");
    }

    /// <inheritdoc/>
    public override PeftMethod Create(string name) => new LoraXsMethod(name, this);
}
