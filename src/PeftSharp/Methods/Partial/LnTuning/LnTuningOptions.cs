using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace PeftSharp.Methods.Partial.LnTuning;

/// <summary>Settings of LN-tuning (Zhao et al. 2023, arXiv 2312.11420).</summary>
public sealed record LnTuningOptions : MethodOptions
{
    /// <inheritdoc/>
    public override string PeftType => "LN_TUNING";

    /// <summary>Norms to train: names or a pattern; null (default): every norm outside the head.</summary>
    [JsonPropertyName("target_modules")]
    public Targets? TargetModules { get; init; }

    /// <summary>Norms to leave out.</summary>
    [JsonPropertyName("exclude_modules")]
    public Targets? ExcludeModules { get; init; }

    /// <inheritdoc/>
    public override void Validate() { }

    /// <inheritdoc/>
    public override PeftMethod Create(string name) => new LnTuningMethod(name, this);

    internal override JsonObject PeftFields => new() { ["auto_mapping"] = null };
}
