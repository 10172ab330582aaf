using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace PeftSharp.Methods.Reparameterized.LoHa;

/// <summary>Settings of LoHa (Hyeon-Woo et al. 2022, arXiv 2108.06098).</summary>
public sealed record LoHaOptions : PatternedMapOptions
{
    /// <inheritdoc/>
    public override string PeftType => "LOHA";

    /// <inheritdoc/>
    internal override bool RescalesRows => true;

    /// <summary>True (default) starts as the base; false starts from random factors.</summary>
    [JsonPropertyName("init_weights")]
    public bool InitWeights { get; init; } = true;

    /// <inheritdoc/>
    public override PeftMethod Create(string name) => new LoHaMethod(name, this);

    internal override JsonObject PeftFields => new() { ["auto_mapping"] = null, ["use_effective_conv2d"] = false };
}
