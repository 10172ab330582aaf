using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using PeftSharp.Methods.Json;
using PeftSharp.Sites;

namespace PeftSharp.Methods.Additive.Reft;

/// <summary>Settings of representation fine-tuning (Wu et al. 2024, arXiv 2404.03592), under AdapterHub's names.</summary>
public sealed record ReftOptions : MethodOptions
{
    /// <inheritdoc/>
    public override string PeftType => "REFT";

    /// <summary>Layers behind whose output it acts; null (default): all.</summary>
    [JsonPropertyName("layers")]
    public Layers? Layers { get; init; }

    /// <summary>How many of a row's first tokens are changed; 0 or more; default 3.</summary>
    [JsonPropertyName("prefix_positions")]
    public int PrefixPositions { get; init; } = 3;

    /// <summary>How many of a row's last tokens are changed; 0 or more; default 0.</summary>
    [JsonPropertyName("suffix_positions")]
    public int SuffixPositions { get; init; }

    /// <summary>Rank of the change; from 1 to the model's width; default 1.</summary>
    [JsonPropertyName("r")]
    public int Rank { get; init; } = 1;

    /// <summary>True (default, LoReFT) keeps the rows of R orthonormal; false trains R freely (NoReFT, DiReFT).</summary>
    [JsonPropertyName("orthogonality")]
    public bool Orthogonal { get; init; } = true;

    /// <summary>True (default) replaces what R reads of a state; false adds to it (DiReFT).</summary>
    [JsonPropertyName("subtract_projection")]
    public bool SubtractProjection { get; init; } = true;

    /// <summary>True changes first and last tokens with the same tensors; default false.</summary>
    [JsonPropertyName("tied_weights")]
    public bool TiedWeights { get; init; }

    /// <summary>Activation of the learned source; null (default): none.</summary>
    [JsonPropertyName("non_linearity")]
    public string? NonLinearity { get; init; }

    /// <summary>Dropout of the changed states; 0 ≤ p &lt; 1; default 0.05.</summary>
    [JsonPropertyName("dropout")]
    [JsonConverter(typeof(FloatConverter))]
    public double Dropout { get; init; } = 0.05;

    /// <summary>AdapterHub's own configuration, where the adapter came from one; fields that have no place here survive in it.</summary>
    [JsonIgnore]
    public JsonObject? Hub { get; init; }

    /// <inheritdoc/>
    public override void Validate()
    {
        if (Rank is < 1 or > 1 << 16) throw Bad("r", Rank, "a whole number from 1 to 65536");
        if (PrefixPositions is < 0 or > 1 << 20) throw Bad("prefix_positions", PrefixPositions, "a whole number from 0 to 1048576");
        if (SuffixPositions is < 0 or > 1 << 20) throw Bad("suffix_positions", SuffixPositions, "a whole number from 0 to 1048576");
        if (PrefixPositions + SuffixPositions == 0) throw Bad("prefix_positions", 0, "1 or more where \"suffix_positions\" is 0 too");
        if (NonLinearity is not null && !Activation.Names.Contains(NonLinearity.ToLowerInvariant()))
            throw Bad("non_linearity", $"\"{NonLinearity}\"", $"null or one of {string.Join(", ", Activation.Names)}");
        if (Dropout is not (>= 0 and < 1)) throw Bad("dropout", Dropout, "a probability from 0 to less than 1");
    }

    /// <inheritdoc/>
    public override PeftMethod Create(string name) => new ReftMethod(name, this);
}
