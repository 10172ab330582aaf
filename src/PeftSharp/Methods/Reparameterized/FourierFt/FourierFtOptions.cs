using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using PeftSharp.Methods.Json;

namespace PeftSharp.Methods.Reparameterized.FourierFt;

/// <summary>Settings of FourierFT (Gao et al. 2024, arXiv 2405.03003).</summary>
public sealed record FourierFtOptions : ExcludingOptions
{
    private const int MostFrequencies = 1 << 28;

    /// <inheritdoc/>
    public override string PeftType => "FOURIERFT";

    /// <summary>Trained frequencies of each map; from 1 to the number of its weights; default 1000.</summary>
    [JsonPropertyName("n_frequency")]
    public int Frequencies { get; init; } = 1000;

    /// <summary>Frequencies of modules whose path ends in a match of the key (a regular expression).</summary>
    [JsonPropertyName("n_frequency_pattern")]
    public IReadOnlyDictionary<string, int>? FrequencyPattern { get; init; } = new Dictionary<string, int>();

    /// <summary>What the change is multiplied by; from -1000000 to 1000000; default 150.</summary>
    [JsonPropertyName("scaling")]
    [JsonConverter(typeof(FloatConverter))]
    public double Scaling { get; init; } = 150;

    /// <summary>Seed of the frequencies' places, which are drawn as peft draws them; 0 or more; default 777.</summary>
    [JsonPropertyName("random_loc_seed")]
    public long LocationSeed { get; init; } = 777;

    /// <summary>False (default) starts from a random spectrum, N(0, 1); true from zero, where the model is the base.</summary>
    [JsonPropertyName("init_weights")]
    public bool StartsAtZero { get; init; }

    /// <inheritdoc/>
    public override void Validate()
    {
        ValidateTargets();
        foreach (
            var (field, count) in (FrequencyPattern ?? new Dictionary<string, int>()).Select(p => ($"n_frequency_pattern.{p.Key}", p.Value))
            .Append(("n_frequency", Frequencies)))
            if (count is < 1 or > MostFrequencies) throw Bad(field, count, $"a whole number from 1 to {MostFrequencies}");
        ValidateSize("scaling", Scaling, 1e6);
        if (LocationSeed < 0) throw Bad("random_loc_seed", LocationSeed, "a whole number of 0 or more");
    }

    /// <inheritdoc/>
    public override PeftMethod Create(string name) => new FourierFtMethod(name, this);

    internal override JsonObject PeftFields => new() { ["auto_mapping"] = null, ["bias"] = "none", ["fan_in_fan_out"] = AreTransposed };
}
