using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using PeftSharp.Methods.Json;

namespace PeftSharp.Methods.Reparameterized.GraLora;

/// <summary>Settings of GraLoRA (Jung et al. 2025, arXiv 2505.20355).</summary>
public sealed record GraLoraOptions : TargetOptions
{
    /// <inheritdoc/>
    public override string PeftType => "GRALORA";

    /// <summary>Rank of each block's factors, a multiple of <c>gralora_k</c>; default 32.</summary>
    [JsonPropertyName("r")]
    public int Rank { get; init; } = 32;

    /// <summary>Rank of an ordinary LoRA beside the blocks; 0 (default) for none.</summary>
    [JsonPropertyName("hybrid_r")]
    public int HybridRank { get; init; }

    /// <summary>Numerator of the scale alpha / (r + hybrid_r); default 64.</summary>
    [JsonPropertyName("alpha")]
    [JsonConverter(typeof(AnyNumberConverter))]
    public double Alpha { get; init; } = 64;

    /// <summary>Dropout of the update's input; 0 ≤ p &lt; 1; default 0.</summary>
    [JsonPropertyName("gralora_dropout")]
    [JsonConverter(typeof(FloatConverter))]
    public double Dropout { get; init; }

    /// <summary>
    /// Parts of a map's input, and of its output: there are the square of it of blocks; a divisor of both widths; at least 1; default 2.
    /// </summary>
    [JsonPropertyName("gralora_k")]
    public int Parts { get; init; } = 2;

    /// <summary>True (default) starts as the base; false starts from random factors.</summary>
    [JsonPropertyName("init_weights")]
    public bool InitWeights { get; init; } = true;

    /// <inheritdoc/>
    public override void Validate()
    {
        ValidateTargets();
        ValidateRank("r", Rank);
        if (HybridRank is < 0 or > 1 << 16) throw Bad("hybrid_r", HybridRank, "a whole number from 0 to 65536");
        ValidateRank("gralora_k", Parts);
        if (Rank % Parts != 0) throw Bad("r", Rank, $"a multiple of \"gralora_k\" ({Parts})");
        ValidateSize("alpha", Alpha, 1e6);
        ValidateDropout("gralora_dropout", Dropout);
    }

    /// <inheritdoc/>
    public override PeftMethod Create(string name) => new GraLoraMethod(name, this);

    internal override JsonObject PeftFields => new() { ["auto_mapping"] = null, ["bias"] = "none", ["fan_in_fan_out"] = AreTransposed };
}
