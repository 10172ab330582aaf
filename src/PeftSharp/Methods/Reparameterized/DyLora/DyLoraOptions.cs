using System.Text.Json.Serialization;
using PeftSharp.Methods.Json;

namespace PeftSharp.Methods.Reparameterized.DyLora;

/// <summary>Settings of DyLoRA (Valipour et al. 2023, arXiv 2210.07558).</summary>
public sealed record DyLoraOptions : ExcludingOptions
{
    /// <inheritdoc/>
    public override string PeftType => "DYLORA";

    /// <summary>Largest rank of the range that is trained; from 1 to 65536; default 8.</summary>
    [JsonPropertyName("r")]
    public int Rank { get; init; } = 8;

    /// <summary>Smallest rank of the range; from 1 to <see cref="Rank"/>; default 1.</summary>
    [JsonPropertyName("r_min")]
    public int SmallestRank { get; init; } = 1;

    /// <summary>The rank that answers use, from <see cref="SmallestRank"/> to <see cref="Rank"/>; null (default): the largest.</summary>
    [JsonPropertyName("serving_rank")]
    public int? ServingRank { get; init; }

    /// <summary>
    /// True trains only the row and the column of the rank that is drawn and takes those below as they are, which is faster; false
    /// (default) trains those below as well, which scores a little higher in the paper.
    /// </summary>
    [JsonPropertyName("frozen")]
    public bool Frozen { get; init; }

    /// <summary>Numerator of the scale alpha / rank, rank being the one in use; above 0, up to 1000000; default 8.</summary>
    [JsonPropertyName("lora_alpha")]
    [JsonConverter(typeof(AnyNumberConverter))]
    public double Alpha { get; init; } = 8;

    /// <summary>Dropout of the update's input; 0 ≤ p &lt; 1; default 0.</summary>
    [JsonPropertyName("lora_dropout")]
    [JsonConverter(typeof(FloatConverter))]
    public double Dropout { get; init; }

    /// <inheritdoc/>
    public override void Validate()
    {
        if (Rank is < 1 or > 1 << 16) throw Bad("r", Rank, "a whole number from 1 to 65536");
        if (SmallestRank < 1 || SmallestRank > Rank) throw Bad("r_min", SmallestRank, $"a whole number from 1 to \"r\" ({Rank})");
        if (ServingRank is { } rank) CheckServed(rank);
        if (Alpha is not (> 0 and <= 1e6)) throw Bad("lora_alpha", Alpha, "a number above 0, up to 1000000");
        if (Dropout is not (>= 0 and < 1)) throw Bad("lora_dropout", Dropout, "a probability from 0 to less than 1");
        ValidateTargets();
    }

    /// <summary>Refuses a rank that training leaves out.</summary>
    internal void CheckServed(int rank)
    {
        if (rank < SmallestRank || rank > Rank)
            throw Bad(
                "serving_rank", rank, $"a whole number from \"r_min\" ({SmallestRank}) to \"r\" ({Rank}): other ranks are not trained");
    }

    /// <inheritdoc/>
    public override PeftMethod Create(string name) => new DyLoraMethod(name, this);
}
