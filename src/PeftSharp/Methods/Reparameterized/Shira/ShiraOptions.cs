using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace PeftSharp.Methods.Reparameterized.Shira;

/// <summary>Settings of SHiRA (Bhardwaj et al. 2024, arXiv 2406.13175).</summary>
public sealed record ShiraOptions : TargetOptions
{
    /// <inheritdoc/>
    public override string PeftType => "SHIRA";

    /// <summary>
    /// As many weights of a map are trained as a LoRA of this rank has: r · (in + out), no more than the map has; at least 1; default 32.
    /// </summary>
    [JsonPropertyName("r")]
    public int Rank { get; init; } = 32;

    /// <summary>How the weights are chosen: <c>random</c>.</summary>
    [JsonPropertyName("mask_type")]
    public string MaskType { get; init; } = "random";

    /// <summary>Seed of the choice, which is drawn as peft draws it; null (default): from the adapter's own seed.</summary>
    [JsonPropertyName("random_seed")]
    public long? RandomSeed { get; init; }

    /// <summary>True (default) starts as the base; false starts from random changes.</summary>
    [JsonPropertyName("init_weights")]
    public bool InitWeights { get; init; } = true;

    /// <inheritdoc/>
    public override void Validate()
    {
        ValidateTargets();
        ValidateRank("r", Rank);
        if (MaskType != "random") throw Bad("mask_type", $"\"{MaskType}\"", "\"random\": masks of Python code's own are not known here");
        if (RandomSeed < 0) throw Bad("random_seed", RandomSeed, "null or a whole number of 0 or more");
    }

    /// <inheritdoc/>
    public override PeftMethod Create(string name) => new ShiraMethod(name, this);

    internal override JsonObject PeftFields => new() { ["auto_mapping"] = null, ["fan_in_fan_out"] = AreTransposed };
}
