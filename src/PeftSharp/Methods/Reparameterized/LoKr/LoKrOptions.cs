using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace PeftSharp.Methods.Reparameterized.LoKr;

/// <summary>Settings of LoKr (Yeh et al. 2024, arXiv 2309.14859).</summary>
public sealed record LoKrOptions : PatternedMapOptions
{
    private const string Lycoris = "lycoris";

    /// <inheritdoc/>
    public override string PeftType => "LOKR";

    /// <inheritdoc/>
    internal override bool RescalesRows => RankDropoutScale;

    /// <summary>True divides what is left after <c>rank_dropout</c> by its share; default false.</summary>
    [JsonPropertyName("rank_dropout_scale")]
    public bool RankDropoutScale { get; init; }

    /// <summary>
    /// True makes the first (small) factor a product of rank r as well, where that saves numbers: r below half of its larger side. Default
    /// false.
    /// </summary>
    [JsonPropertyName("decompose_both")]
    public bool DecomposeBoth { get; init; }

    /// <summary>
    /// Sides of the first factor, where they divide those of the weight, else the nearest divisors that are no larger; -1 (default):
    /// divisors near the square root.
    /// </summary>
    [JsonPropertyName("decompose_factor")]
    public int DecomposeFactor { get; init; } = -1;

    /// <summary>
    /// Start: true (default) lets the first factor be zero, <c>lycoris</c> the second, as that library does; false draws both, so that the
    /// adapter does not start as the base.
    /// </summary>
    [JsonPropertyName("init_weights")]
    public JsonElement InitWeights { get; init; } = JsonDocument.Parse("true").RootElement;

    /// <summary>True if the first factor starts at zero.</summary>
    internal bool FirstIsZero => InitWeights.ValueKind == JsonValueKind.True;

    /// <summary>True if the second factor starts at zero.</summary>
    internal bool SecondIsZero => InitWeights.ValueKind == JsonValueKind.String;

    /// <inheritdoc/>
    public override void Validate()
    {
        base.Validate();
        if (DecomposeFactor != -1 && DecomposeFactor is < 1 or > 1 << 20)
            throw Bad("decompose_factor", DecomposeFactor, "-1 or a whole number from 1 to 1048576");
        if (InitWeights.ValueKind is not (JsonValueKind.True or JsonValueKind.False)
            && !(InitWeights.ValueKind == JsonValueKind.String && InitWeights.GetString() == Lycoris))
            throw Bad("init_weights", InitWeights.GetRawText(), "true, false or \"lycoris\"");
    }

    /// <inheritdoc/>
    public override PeftMethod Create(string name) => new LoKrMethod(name, this);

    internal override JsonObject PeftFields => new() { ["auto_mapping"] = null, ["use_effective_conv2d"] = false };
}
