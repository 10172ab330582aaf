using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace PeftSharp.Methods.Additive.AdaptionPrompt;

/// <summary>Settings of the adaption prompt (LLaMA-Adapter, Zhang et al. 2023, arXiv 2303.16199).</summary>
public sealed record AdaptionPromptOptions : MethodOptions
{
    /// <inheritdoc/>
    public override string PeftType => "ADAPTION_PROMPT";

    /// <summary>Trained vectors per layer; 1 to 65536; default 10.</summary>
    [JsonPropertyName("adapter_len")]
    public int Length { get; init; } = 10;

    /// <summary>How many of the topmost layers have them; null (default): every layer.</summary>
    [JsonPropertyName("adapter_layers")]
    public int? LayerCount { get; init; }

    /// <summary>Name of the attention module, for example <c>self_attn</c>; null (default): the model's self-attention.</summary>
    [JsonPropertyName("target_modules")]
    public Targets? TargetModules { get; init; }

    /// <inheritdoc/>
    public override void Validate()
    {
        if (Length is < 1 or > 1 << 16) throw Bad("adapter_len", Length, "a whole number from 1 to 65536");
        if (LayerCount is < 1) throw Bad("adapter_layers", LayerCount, "1 or more, or null for every layer");
    }

    /// <inheritdoc/>
    public override PeftMethod Create(string name) => new AdaptionPromptMethod(name, this);

    internal override JsonObject PeftFields => new() { ["auto_mapping"] = null };

    internal override IReadOnlyList<string> OwnFields => ["modules_to_save"];
}
