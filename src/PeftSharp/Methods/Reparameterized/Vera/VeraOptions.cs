using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using PeftSharp.Methods.Json;

namespace PeftSharp.Methods.Reparameterized.Vera;

/// <summary>Settings of VeRA (Kopiczko et al. 2024, arXiv 2310.11454).</summary>
public sealed record VeraOptions : TargetOptions
{
    /// <inheritdoc/>
    public override string PeftType => "VERA";

    /// <summary>Rank of the shared projections, and length of one trained vector of each map; from 1 to 65536; default 256.</summary>
    [JsonPropertyName("r")]
    public int Rank { get; init; } = 256;

    /// <summary>Start of the trained vector between the projections; from -1000 to 1000; default 0.1.</summary>
    [JsonPropertyName("d_initial")]
    [JsonConverter(typeof(FloatConverter))]
    public double InitialD { get; init; } = 0.1;

    /// <summary>Dropout of the update's input; 0 ≤ p &lt; 1; default 0.</summary>
    [JsonPropertyName("vera_dropout")]
    [JsonConverter(typeof(FloatConverter))]
    public double Dropout { get; init; }

    /// <summary>Seed of the shared projections, which are drawn as peft draws them; 0 or more; default 0.</summary>
    [JsonPropertyName("projection_prng_key")]
    public long ProjectionKey { get; init; }

    /// <summary>True (default) saves the projections with the adapter; false draws them again from their seed when it is read.</summary>
    [JsonPropertyName("save_projection")]
    public bool SaveProjection { get; init; } = true;

    /// <summary>True (default) starts as the base; false starts from random vectors.</summary>
    [JsonPropertyName("init_weights")]
    public bool InitWeights { get; init; } = true;

    /// <summary>Which biases are trained: <c>none</c>, for peft's files of this method have no place for any.</summary>
    [JsonPropertyName("bias")]
    public string Bias { get; init; } = "none";

    /// <summary>peft's marker of transposed weights; the models here keep them as [out, in].</summary>
    [JsonPropertyName("fan_in_fan_out")]
    public bool FanInFanOut { get; init; }

    /// <inheritdoc/>
    public override void Validate()
    {
        if (Rank is < 1 or > 1 << 16) throw Bad("r", Rank, "a whole number from 1 to 65536");
        if (!(Math.Abs(InitialD) <= 1000)) throw Bad("d_initial", InitialD, "a number from -1000 to 1000");
        if (Dropout is not (>= 0 and < 1)) throw Bad("vera_dropout", Dropout, "a probability from 0 to less than 1");
        if (ProjectionKey < 0) throw Bad("projection_prng_key", ProjectionKey, "a whole number of 0 or more");
        if (Bias != "none") throw Bad("bias", $"\"{Bias}\"", "\"none\": peft's files of this method have no place for biases");
        ValidateTargets();
    }

    /// <inheritdoc/>
    public override PeftMethod Create(string name) => new VeraMethod(name, this);

    internal override JsonObject PeftFields => new() { ["auto_mapping"] = null };
}
