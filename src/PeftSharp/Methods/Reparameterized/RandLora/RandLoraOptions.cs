using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using PeftSharp.Methods.Json;

namespace PeftSharp.Methods.Reparameterized.RandLora;

/// <summary>Settings of RandLoRA (Albert et al. 2025, arXiv 2502.00987).</summary>
public sealed record RandLoraOptions : TargetOptions
{
    /// <inheritdoc/>
    public override string PeftType => "RANDLORA";

    /// <summary>
    /// Rank of each random base; the smaller it is, the more bases make up full rank, and the more is trained; from 1 to 65536; default 32.
    /// </summary>
    [JsonPropertyName("r")]
    public int Rank { get; init; } = 32;

    /// <summary>Numerator of the scale alpha / r; default 640.</summary>
    [JsonPropertyName("randlora_alpha")]
    [JsonConverter(typeof(AnyNumberConverter))]
    public double Alpha { get; init; } = 640;

    /// <summary>Dropout of the update's input; 0 ≤ p &lt; 1; default 0.</summary>
    [JsonPropertyName("randlora_dropout")]
    [JsonConverter(typeof(FloatConverter))]
    public double Dropout { get; init; }

    /// <summary>Seed of the shared bases, which are drawn as peft draws them; 0 or more; default 0.</summary>
    [JsonPropertyName("projection_prng_key")]
    public long ProjectionKey { get; init; }

    /// <summary>True (default) saves the bases with the adapter; false draws them again from their seed when it is read.</summary>
    [JsonPropertyName("save_projection")]
    public bool SaveProjection { get; init; } = true;

    /// <summary>True draws bases of which two thirds are zero; default false.</summary>
    [JsonPropertyName("sparse")]
    public bool Sparse { get; init; }

    /// <summary>True draws bases with fewer numbers still, one in the square root of the narrowest width; default false.</summary>
    [JsonPropertyName("very_sparse")]
    public bool VerySparse { get; init; }

    /// <summary>True (default) starts as the base; false starts from random factors.</summary>
    [JsonPropertyName("init_weights")]
    public bool InitWeights { get; init; } = true;

    /// <inheritdoc/>
    public override void Validate()
    {
        ValidateTargets();
        ValidateRank("r", Rank);
        ValidateSize("randlora_alpha", Alpha, 1e6);
        ValidateDropout("randlora_dropout", Dropout);
        if (ProjectionKey < 0) throw Bad("projection_prng_key", ProjectionKey, "a whole number of 0 or more");
    }

    /// <inheritdoc/>
    public override PeftMethod Create(string name) => new RandLoraMethod(name, this);

    internal override JsonObject PeftFields => new() { ["auto_mapping"] = null, ["bias"] = "none", ["fan_in_fan_out"] = AreTransposed };
}
