using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using PeftSharp.Methods.Json;

namespace PeftSharp.Methods.Reparameterized.VbLora;

/// <summary>Settings of VB-LoRA (Li et al. 2024, arXiv 2405.15179).</summary>
public sealed record VbLoraOptions : ExcludingOptions
{
    /// <inheritdoc/>
    public override string PeftType => "VBLORA";

    /// <summary>Rank of the updates; at least 1; default 4.</summary>
    [JsonPropertyName("r")]
    public int Rank { get; init; } = 4;

    /// <summary>Vectors of the bank; at least <c>topk</c>; default 256.</summary>
    [JsonPropertyName("num_vectors")]
    public int Vectors { get; init; } = 256;

    /// <summary>Length of a vector; it has to divide both widths of every map; default 256.</summary>
    [JsonPropertyName("vector_length")]
    public int Length { get; init; } = 256;

    /// <summary>How many vectors of the bank are mixed at each place; at least 1; default 2.</summary>
    [JsonPropertyName("topk")]
    public int Mixed { get; init; } = 2;

    /// <summary>Dropout of the update's input; 0 ≤ p &lt; 1; default 0.</summary>
    [JsonPropertyName("vblora_dropout")]
    [JsonConverter(typeof(FloatConverter))]
    public double Dropout { get; init; }

    /// <summary>The bank starts from U(−bound, bound); above 0; default 0.02.</summary>
    [JsonPropertyName("init_vector_bank_bound")]
    [JsonConverter(typeof(FloatConverter))]
    public double BankBound { get; init; } = 0.02;

    /// <summary>The scores start from N(0, deviation²); above 0; default 0.1.</summary>
    [JsonPropertyName("init_logits_std")]
    [JsonConverter(typeof(FloatConverter))]
    public double ScoreDeviation { get; init; } = 0.1;

    /// <summary>True saves of the scores only those that count, which is small, but can't be trained further; default false.</summary>
    [JsonPropertyName("save_only_topk_weights")]
    public bool SavesMixedOnly { get; init; }

    /// <inheritdoc/>
    public override void Validate()
    {
        ValidateTargets();
        ValidateRank("r", Rank);
        ValidateRank("num_vectors", Vectors);
        ValidateRank("vector_length", Length);
        if (Mixed < 1 || Mixed > Vectors) throw Bad("topk", Mixed, $"a whole number from 1 to \"num_vectors\" ({Vectors})");
        ValidateDropout("vblora_dropout", Dropout);
        if (BankBound is not (> 0 and <= 1e6)) throw Bad("init_vector_bank_bound", BankBound, "a number above 0, up to 1000000");
        if (ScoreDeviation is not (> 0 and <= 1e6)) throw Bad("init_logits_std", ScoreDeviation, "a number above 0, up to 1000000");
    }

    /// <inheritdoc/>
    public override PeftMethod Create(string name) => new VbLoraMethod(name, this);

    internal override JsonObject PeftFields => new() { ["auto_mapping"] = null, ["bias"] = "none", ["fan_in_fan_out"] = AreTransposed };
}
