using System.Text.Json.Serialization;
using PeftSharp.Methods.Json;

namespace PeftSharp.Methods.Hybrid.MoeLora;

/// <summary>
/// Settings of a mixture of LoRA experts (Dou et al. 2023, arXiv 2312.09979). peft lacks the method; its files have names of the same kind.
/// </summary>
public sealed record MoeLoraOptions : ExcludingOptions
{
    /// <inheritdoc/>
    public override string PeftType => "MOE_LORA";

    /// <summary>Rank of each expert; at least 1; default 8.</summary>
    [JsonPropertyName("r")]
    public int Rank { get; init; } = 8;

    /// <summary>Number of experts of each map; from 1 to 1024; default 4.</summary>
    [JsonPropertyName("num_experts")]
    public int Experts { get; init; } = 4;

    /// <summary>Experts that act on a token, those with the highest scores; from 1 to <c>num_experts</c>; null (default): all.</summary>
    [JsonPropertyName("top_k")]
    public int? Active { get; init; }

    /// <summary>Numerator of the scale alpha / r; default 8.</summary>
    [JsonPropertyName("lora_alpha")]
    [JsonConverter(typeof(AnyNumberConverter))]
    public double Alpha { get; init; } = 8;

    /// <summary>Dropout of the experts' input; 0 ≤ p &lt; 1; default 0.</summary>
    [JsonPropertyName("lora_dropout")]
    [JsonConverter(typeof(FloatConverter))]
    public double Dropout { get; init; }

    /// <inheritdoc/>
    public override void Validate()
    {
        ValidateTargets();
        ValidateRank("r", Rank);
        if (Experts is < 1 or > 1024) throw Bad("num_experts", Experts, "a whole number from 1 to 1024");
        if (Active < 1 || Active > Experts) throw Bad("top_k", Active, $"null or a whole number from 1 to \"num_experts\" ({Experts})");
        ValidateSize("lora_alpha", Alpha, 1e6);
        ValidateDropout("lora_dropout", Dropout);
    }

    /// <inheritdoc/>
    public override PeftMethod Create(string name) => new MoeLoraMethod(name, this);
}
