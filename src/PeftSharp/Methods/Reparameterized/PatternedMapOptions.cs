using System.Text.Json.Serialization;
using PeftSharp.Methods.Json;

namespace PeftSharp.Methods.Reparameterized;

/// <summary>
/// Settings that the methods of LyCORIS (LoHa, LoKr) share in peft: rank and scale, by map where need be, and dropout of the change itself.
/// </summary>
public abstract record PatternedMapOptions : ExcludingOptions
{
    private const double LargestAlpha = 1e6;

    /// <summary>Rank of the update; at least 1; default 8.</summary>
    [JsonPropertyName("r")]
    public int Rank { get; init; } = 8;

    /// <summary>Numerator of the scale alpha / r; default 8.</summary>
    [JsonPropertyName("alpha")]
    [JsonConverter(typeof(AnyNumberConverter))]
    public double Alpha { get; init; } = 8;

    /// <summary>Probability of leaving out a row of the change, that is, one output, in training; 0 ≤ p &lt; 1; default 0.</summary>
    [JsonPropertyName("rank_dropout")]
    [JsonConverter(typeof(FloatConverter))]
    public double RankDropout { get; init; }

    /// <summary>Probability of leaving out the change of a map in training; 0 ≤ p &lt; 1; default 0.</summary>
    [JsonPropertyName("module_dropout")]
    [JsonConverter(typeof(FloatConverter))]
    public double ModuleDropout { get; init; }

    /// <summary>Ranks of modules whose path ends in a match of the key (a regular expression).</summary>
    [JsonPropertyName("rank_pattern")]
    public IReadOnlyDictionary<string, int>? RankPattern { get; init; } = new Dictionary<string, int>();

    /// <summary>Alphas of modules whose path ends in a match of the key (a regular expression).</summary>
    [JsonPropertyName("alpha_pattern")]
    [JsonConverter(typeof(AnyNumbersConverter))]
    public IReadOnlyDictionary<string, double>? AlphaPattern { get; init; } = new Dictionary<string, double>();

    /// <summary>True if what is left after dropping rows is divided by its share.</summary>
    internal abstract bool RescalesRows { get; }

    /// <summary>Rank and scale of a map.</summary>
    internal (int Rank, double Scale) RankAndScale(PathPatterns patterns, string path)
    {
        var rank = patterns.Choose("rank_pattern", RankPattern, path, Rank);
        return (rank, patterns.Choose("alpha_pattern", AlphaPattern, path, Alpha) / rank);
    }

    /// <summary>The dropout of a map's change.</summary>
    internal ChangeDropout DropoutOf(string path) => new(RankDropout, ModuleDropout, RescalesRows, path);

    /// <inheritdoc/>
    public override void Validate()
    {
        ValidateTargets();
        ValidateRank("r", Rank);
        ValidateSize("alpha", Alpha, LargestAlpha);
        ValidateDropout("rank_dropout", RankDropout);
        ValidateDropout("module_dropout", ModuleDropout);
        foreach (var (pattern, rank) in RankPattern ?? new Dictionary<string, int>()) ValidateRank($"rank_pattern.{pattern}", rank);
        foreach (var (pattern, alpha) in AlphaPattern ?? new Dictionary<string, double>())
            ValidateSize($"alpha_pattern.{pattern}", alpha, LargestAlpha);
    }
}
