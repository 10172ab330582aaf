using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using PeftSharp.Methods.Json;

namespace PeftSharp.Methods.Reparameterized.Hira;

/// <summary>Settings of HiRA (Huang et al. 2025, ICLR, openreview TwJrTz9cRS).</summary>
public sealed record HiraOptions : ExcludingOptions
{
    private const string Gaussian = "gaussian";

    /// <inheritdoc/>
    public override string PeftType => "HIRA";

    /// <summary>Rank of what multiplies the weight; at least 1; default 32.</summary>
    [JsonPropertyName("r")]
    public int Rank { get; init; } = 32;

    /// <summary>Dropout of the update's input; 0 ≤ p &lt; 1; default 0.</summary>
    [JsonPropertyName("hira_dropout")]
    [JsonConverter(typeof(FloatConverter))]
    public double Dropout { get; init; }

    /// <summary>Ranks of modules whose path ends in a match of the key (a regular expression).</summary>
    [JsonPropertyName("rank_pattern")]
    public IReadOnlyDictionary<string, int>? RankPattern { get; init; } = new Dictionary<string, int>();

    /// <summary>Start: true (default: A Kaiming-uniform, B zero), <c>gaussian</c> (A N(0, 1/r²), B zero) or false (both N(0, 1)).</summary>
    [JsonPropertyName("init_weights")]
    public JsonElement InitWeights { get; init; } = JsonDocument.Parse("true").RootElement;

    /// <summary>True if the adapter starts from random numbers alone.</summary>
    internal bool IsRandom => InitWeights.ValueKind == JsonValueKind.False;

    /// <summary>True if the first factor is drawn from a normal distribution.</summary>
    internal bool IsGaussian => InitWeights.ValueKind == JsonValueKind.String;

    /// <inheritdoc/>
    public override void Validate()
    {
        ValidateTargets();
        ValidateRank("r", Rank);
        foreach (var (pattern, rank) in RankPattern ?? new Dictionary<string, int>()) ValidateRank($"rank_pattern.{pattern}", rank);
        ValidateDropout("hira_dropout", Dropout);
        if (InitWeights.ValueKind is not (JsonValueKind.True or JsonValueKind.False)
            && !(IsGaussian && string.Equals(InitWeights.GetString(), Gaussian, StringComparison.OrdinalIgnoreCase)))
            throw Bad("init_weights", InitWeights.GetRawText(), "true, false or \"gaussian\"");
    }

    /// <inheritdoc/>
    public override PeftMethod Create(string name) => new HiraMethod(name, this);

    internal override JsonObject PeftFields => new() { ["auto_mapping"] = null, ["fan_in_fan_out"] = AreTransposed };
}
