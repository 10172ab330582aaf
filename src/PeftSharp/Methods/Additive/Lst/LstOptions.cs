using System.Text.Json.Serialization;
using PeftSharp.Methods.Json;
using PeftSharp.Sites;

namespace PeftSharp.Methods.Additive.Lst;

/// <summary>Settings of ladder side tuning (Sung et al. 2022, arXiv 2206.06522).</summary>
public sealed record LstOptions : MethodOptions
{
    /// <inheritdoc/>
    public override string PeftType => "LST";

    /// <summary>
    /// So many times narrower than the model is the side network: its width, its heads and its feed-forward blocks; 1 to 65536; default 8.
    /// </summary>
    [JsonPropertyName("reduction_factor")]
    public int ReductionFactor { get; init; } = 8;

    /// <summary>Layers with a side block, of an encoder and a decoder in both; null (default): all.</summary>
    [JsonPropertyName("layers")]
    public Layers? Layers { get; init; }

    /// <summary>T in the gate σ(α/T): a lower one moves gates faster; above 0; default 0.1.</summary>
    [JsonPropertyName("gate_temperature")]
    [JsonConverter(typeof(FloatConverter))]
    public double GateTemperature { get; init; } = 0.1;

    /// <summary>Start of each α; default 0: half of the side network's state, half of the layer's output.</summary>
    [JsonPropertyName("gate_alpha")]
    [JsonConverter(typeof(FloatConverter))]
    public double GateAlpha { get; init; }

    /// <summary>
    /// Start of the side blocks: <c>pruned</c> (default), the entries of the model's own maps whose channels have the largest weights; or
    /// <c>random</c>.
    /// </summary>
    [JsonPropertyName("init_side_weights")]
    public string Init { get; init; } = "pruned";

    /// <summary>Activation of the side network's feed-forward blocks; default <c>gelu</c>.</summary>
    [JsonPropertyName("non_linearity")]
    public string NonLinearity { get; init; } = "gelu";

    /// <summary>Dropout of what the side network reads and yields; 0 ≤ p &lt; 1; default 0.</summary>
    [JsonPropertyName("dropout")]
    [JsonConverter(typeof(FloatConverter))]
    public double Dropout { get; init; }

    /// <inheritdoc/>
    public override void Validate()
    {
        if (ReductionFactor is < 1 or > 1 << 16) throw Bad("reduction_factor", ReductionFactor, "a whole number from 1 to 65536");
        if (Layers is { Indices.Count: 0 }) throw Bad("layers", "empty", "at least one layer, or null for all");
        if (!(GateTemperature > 0 && double.IsFinite(GateTemperature))) throw Bad("gate_temperature", GateTemperature, "a number above 0");
        if (!double.IsFinite(GateAlpha)) throw Bad("gate_alpha", GateAlpha, "a number");
        if (Init is not ("pruned" or "random")) throw Bad("init_side_weights", $"\"{Init}\"", "\"pruned\" or \"random\"");
        if (!Activation.Names.Contains(NonLinearity.ToLowerInvariant()))
            throw Bad("non_linearity", $"\"{NonLinearity}\"", $"one of {string.Join(", ", Activation.Names)}");
        if (Dropout is not (>= 0 and < 1)) throw Bad("dropout", Dropout, "a probability from 0 to less than 1");
    }

    /// <inheritdoc/>
    public override PeftMethod Create(string name) => new LstMethod(name, this);
}
