using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace PeftSharp.Methods.Additive.Prompt;

/// <summary>Settings of prompt tuning (Lester et al. 2021, arXiv 2104.08691).</summary>
public sealed record PromptOptions : MethodOptions
{
    /// <inheritdoc/>
    public override string PeftType => "PROMPT_TUNING";

    /// <summary>Number of trained vectors before the sequence; at least 1; default 20.</summary>
    [JsonPropertyName("num_virtual_tokens")]
    public int VirtualTokens { get; init; } = 20;

    /// <summary>
    /// Start: <c>RANDOM</c> N(0, 1) (default), <c>SAMPLE_VOCAB</c> (rows of the word table), or <c>TEXT</c> (the rows of a text's tokens).
    /// </summary>
    [JsonPropertyName("prompt_tuning_init")]
    public string Init { get; init; } = "RANDOM";

    /// <summary>The text of the <c>TEXT</c> start.</summary>
    [JsonPropertyName("prompt_tuning_init_text")]
    public string? InitText { get; init; }

    /// <summary>The text's token ids, special tokens included, as peft has them; <see cref="WithTokens"/> fills them in.</summary>
    [JsonIgnore]
    public IReadOnlyList<int>? InitTokens { get; init; }

    /// <summary>Width of a vector; filled in from the model.</summary>
    [JsonPropertyName("token_dim")]
    public int? TokenDim { get; init; }

    /// <summary>Number of layers; filled in from the model.</summary>
    [JsonPropertyName("num_layers")]
    public int? LayerCount { get; init; }

    /// <summary>Number of heads; filled in from the model.</summary>
    [JsonPropertyName("num_attention_heads")]
    public int? HeadCount { get; init; }

    /// <summary>1, or 2 in an encoder–decoder; filled in from the model.</summary>
    [JsonPropertyName("num_transformer_submodules")]
    public int? Submodules { get; init; }

    /// <summary>Where the tokenizer of the <c>TEXT</c> start is.</summary>
    [JsonPropertyName("tokenizer_name_or_path")]
    public string? Tokenizer { get; init; }

    /// <summary>True follows AdapterHub: the vectors stand before the finished embeddings, without positions.</summary>
    [JsonIgnore]
    [SettingName("adapterhub_style")]
    public bool HubStyle { get; init; }

    /// <summary>
    /// True puts the vectors after the sequence's first token (AdapterHub's <c>prefix_after_bos</c>), false (default) before it; in
    /// AdapterHub's way alone.
    /// </summary>
    [JsonIgnore]
    [SettingName("after_first_token")]
    public bool AfterFirst { get; init; }

    /// <summary>AdapterHub's own configuration, where the adapter came from one.</summary>
    [JsonIgnore]
    public JsonObject? Hub { get; init; }

    /// <inheritdoc/>
    public override AdapterFormat Format => HubStyle ? AdapterFormat.AdapterHub : AdapterFormat.Peft;

    /// <inheritdoc/>
    public override void Validate()
    {
        if (VirtualTokens is < 1 or > 1 << 16) throw Bad("num_virtual_tokens", VirtualTokens, "a whole number from 1 to 65536");
        if (Init is not ("RANDOM" or "SAMPLE_VOCAB" or "TEXT" or "UNIFORM"))
            throw Bad("prompt_tuning_init", $"\"{Init}\"", "\"RANDOM\", \"SAMPLE_VOCAB\" or \"TEXT\"");
        if (Init == "TEXT" && string.IsNullOrEmpty(InitText))
            throw Bad("prompt_tuning_init_text", InitText, "the text of the \"TEXT\" start");
        if (AfterFirst && !HubStyle)
            throw Bad("after_first_token", "true", "false, or \"adapterhub_style\": true beside it: peft's prompts come first");
    }

    /// <inheritdoc/>
    public override PeftMethod Create(string name) => new PromptMethod(name, this);

    /// <inheritdoc/>
    public override MethodOptions WithTokens(Func<string, IReadOnlyList<int>> tokenize) =>
        Init == "TEXT" && InitTokens is null && !string.IsNullOrEmpty(InitText) ? this with { InitTokens = tokenize(InitText) } : this;

    internal override JsonObject PeftFields => new() { ["auto_mapping"] = null, ["tokenizer_kwargs"] = null };

    /// <inheritdoc/>
    internal override MethodOptions InUnion() => this with { HubStyle = true };
}
