using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using PeftSharp.Methods.Json;

namespace PeftSharp.Methods.Additive.Cpt;

/// <summary>Settings of context-aware prompt tuning (Blau et al. 2024, arXiv 2410.17222).</summary>
public sealed record CptOptions : MethodOptions
{
    /// <inheritdoc/>
    public override string PeftType => "CPT";

    /// <summary>Token ids of the context: the examples that stand before every sequence. Needed.</summary>
    [JsonPropertyName("cpt_token_ids")]
    public IReadOnlyList<int>? TokenIds { get; init; }

    /// <summary>Which of them are real, 1 each; default: all. peft keeps it, and reads it nowhere.</summary>
    [JsonPropertyName("cpt_mask")]
    public IReadOnlyList<int>? Mask { get; init; }

    /// <summary>
    /// What each of them is: 4·i + 1 belongs to the format before example i's text, 4·i + 2 to its text, 4·i + 3 to the format before its
    /// label, 4·i + 4 to its label; 0 to nothing. The largest is a label's. Needed.
    /// </summary>
    [JsonPropertyName("cpt_tokens_type_mask")]
    public IReadOnlyList<int>? Types { get; init; }

    /// <summary>Start of the vectors: <c>TEXT</c>, the word vectors of the context; peft's <c>RANDOM</c> has no types and fails.</summary>
    [JsonPropertyName("cpt_prompt_init")]
    public string Init { get; init; } = "TEXT";

    /// <summary>Weight of the context's labels in the loss: <c>none</c> (default, 1 each) or <c>decay</c>.</summary>
    [JsonPropertyName("opt_weighted_loss_type")]
    public string WeightedLoss { get; init; } = "none";

    /// <summary>
    /// With <c>decay</c>: a label counts this factor times as much as the one after it, the row's own counting 1; above 0 and at most 1;
    /// default 1.
    /// </summary>
    [JsonPropertyName("opt_loss_decay_factor")]
    [JsonConverter(typeof(FloatConverter))]
    public double DecayFactor { get; init; } = 1;

    /// <summary>How far the vector of a text's token may move: its norm at most this times √(width / 2048); above 0; default 0.1.</summary>
    [JsonPropertyName("opt_projection_epsilon")]
    [JsonConverter(typeof(FloatConverter))]
    public double InputEpsilon { get; init; } = 0.1;

    /// <summary>The same for tokens of the format; default 0.1.</summary>
    [JsonPropertyName("opt_projection_format_epsilon")]
    [JsonConverter(typeof(FloatConverter))]
    public double FormatEpsilon { get; init; } = 0.1;

    /// <summary>The tokenizer that made the ids, for the record.</summary>
    [JsonPropertyName("tokenizer_name_or_path")]
    public string? Tokenizer { get; init; }

    /// <summary>Number of tokens of the context; 0 (default): as many as there are ids.</summary>
    [JsonPropertyName("num_virtual_tokens")]
    public int VirtualTokens { get; init; }

    /// <summary>Width of a vector; filled in from the model.</summary>
    [JsonPropertyName("token_dim")]
    public int? TokenDim { get; init; }

    /// <summary>Number of layers; filled in from the model.</summary>
    [JsonPropertyName("num_layers")]
    public int? LayerCount { get; init; }

    /// <summary>Number of heads; filled in from the model.</summary>
    [JsonPropertyName("num_attention_heads")]
    public int? HeadCount { get; init; }

    /// <summary>1; filled in.</summary>
    [JsonPropertyName("num_transformer_submodules")]
    public int? Submodules { get; init; }

    /// <inheritdoc/>
    public override void Validate()
    {
        if (Init != "TEXT") throw Bad("cpt_prompt_init", $"\"{Init}\"", "\"TEXT\"");
        if (TokenIds is not { Count: > 0 and <= 1 << 16 })
            throw Bad("cpt_token_ids", TokenIds?.Count, "the token ids of a context, 1 to 65536 of them");
        if (TokenIds.Any(id => id < 0)) throw Bad("cpt_token_ids", TokenIds.Min(), "ids of 0 or more");
        if (Types?.Count != TokenIds.Count) throw Bad("cpt_tokens_type_mask", Types?.Count, $"a type for each of {TokenIds.Count} tokens");
        if (Types.Any(type => type is < 0 or > 1 << 20)) throw Bad("cpt_tokens_type_mask", Types.Min(), "types from 0 to 1048576");
        if (Types.Max() % 4 != 0 || Types.Max() == 0)
            throw Bad("cpt_tokens_type_mask", Types.Max(), "a label's type, a multiple of 4, as the largest: else no row's label counts");
        if (Mask is not null && Mask.Count != TokenIds.Count) throw Bad("cpt_mask", Mask.Count, $"a 1 for each of {TokenIds.Count} tokens");
        if (VirtualTokens != 0 && VirtualTokens != TokenIds.Count)
            throw Bad("num_virtual_tokens", VirtualTokens, $"the {TokenIds.Count} tokens of the context, or 0");
        if (WeightedLoss is not ("none" or "decay")) throw Bad("opt_weighted_loss_type", $"\"{WeightedLoss}\"", "\"none\" or \"decay\"");
        if (DecayFactor is not (> 0 and <= 1)) throw Bad("opt_loss_decay_factor", DecayFactor, "a number above 0, at most 1");
        if (!(InputEpsilon > 0)) throw Bad("opt_projection_epsilon", InputEpsilon, "a number above 0");
        if (!(FormatEpsilon > 0)) throw Bad("opt_projection_format_epsilon", FormatEpsilon, "a number above 0");
    }

    /// <inheritdoc/>
    public override PeftMethod Create(string name) => new CptMethod(name, this);

    internal override JsonObject PeftFields => new() { ["auto_mapping"] = null };
}
