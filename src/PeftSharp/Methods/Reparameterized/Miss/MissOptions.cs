using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using PeftSharp.Methods.Json;

namespace PeftSharp.Methods.Reparameterized.Miss;

/// <summary>Settings of MiSS (Kang and Yin 2024, arXiv 2409.15371).</summary>
public sealed record MissOptions : ExcludingOptions
{
    private const string Bat = "bat", Mini = "mini";

    /// <inheritdoc/>
    public override string PeftType => "MISS";

    /// <summary>Rank: the input is summed over so many interleaved groups of numbers; at least 1; default 64.</summary>
    [JsonPropertyName("r")]
    public int Rank { get; init; } = 64;

    /// <summary>
    /// Columns that are trained where <c>init_weights</c> is <c>mini</c>, a divisor of the width of a map's output; at least 1; default 1.
    /// </summary>
    [JsonPropertyName("mini_r")]
    public int MiniRank { get; init; } = 1;

    /// <summary>Dropout of the update's input; 0 ≤ p &lt; 1; default 0.</summary>
    [JsonPropertyName("miss_dropout")]
    [JsonConverter(typeof(FloatConverter))]
    public double Dropout { get; init; }

    /// <summary>
    /// True (default): one block for all columns, from zero; <c>mini</c>: a block of few columns, repeated; <c>bat</c>: blocks that are
    /// multiplied with those of the weight as well (r has to divide both widths); false: the default's block, from random numbers.
    /// </summary>
    [JsonPropertyName("init_weights")]
    public JsonElement InitWeights { get; init; } = JsonDocument.Parse("true").RootElement;

    /// <summary>True if the blocks are multiplied with those of the weight.</summary>
    internal bool IsBat => Text == Bat;

    /// <summary>True if a block of few columns is repeated.</summary>
    internal bool IsMini => Text == Mini;

    private string? Text => InitWeights.ValueKind == JsonValueKind.String ? InitWeights.GetString() : null;

    /// <inheritdoc/>
    public override void Validate()
    {
        ValidateTargets();
        ValidateRank("r", Rank);
        ValidateRank("mini_r", MiniRank);
        ValidateDropout("miss_dropout", Dropout);
        if (InitWeights.ValueKind is not (JsonValueKind.True or JsonValueKind.False) && Text is not (Bat or Mini))
            throw Bad("init_weights", InitWeights.GetRawText(), "true, false, \"mini\" or \"bat\"");
    }

    /// <inheritdoc/>
    public override PeftMethod Create(string name) => new MissMethod(name, this);

    internal override JsonObject PeftFields => new() { ["auto_mapping"] = null, ["bias"] = "none" };
}
