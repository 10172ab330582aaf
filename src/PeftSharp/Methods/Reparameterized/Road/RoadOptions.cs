using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace PeftSharp.Methods.Reparameterized.Road;

/// <summary>Settings of RoAd (Liao and Monz 2024, arXiv 2409.00119).</summary>
public sealed record RoadOptions : TargetOptions
{
    /// <inheritdoc/>
    public override string PeftType => "ROAD";

    /// <summary>
    /// How many numbers each pair of outputs has: <c>road_1</c> (default), one angle and one factor; <c>road_2</c>, one of each for either
    /// output; <c>road_4</c>, one of each for every number of the turn.
    /// </summary>
    [JsonPropertyName("variant")]
    public string Variant { get; init; } = "road_1";

    /// <summary>
    /// Outputs of a group, in which the first half is paired with the second; even, a divisor of the width of every map's output; default
    /// 64.
    /// </summary>
    [JsonPropertyName("group_size")]
    public int GroupSize { get; init; } = 64;

    /// <summary>True (default) starts as the base; false starts from random angles and factors.</summary>
    [JsonPropertyName("init_weights")]
    public bool InitWeights { get; init; } = true;

    /// <inheritdoc/>
    public override void Validate()
    {
        ValidateTargets();
        if (Variant is not ("road_1" or "road_2" or "road_4"))
            throw Bad("variant", $"\"{Variant}\"", "\"road_1\", \"road_2\" or \"road_4\"");
        if (GroupSize is < 2 or > 1 << 16 || GroupSize % 2 != 0) throw Bad("group_size", GroupSize, "an even number from 2 to 65536");
    }

    /// <inheritdoc/>
    public override PeftMethod Create(string name) => new RoadMethod(name, this);

    internal override JsonObject PeftFields => new() { ["auto_mapping"] = null };
}
