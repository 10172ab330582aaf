using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace PeftSharp.Methods.Additive.Beft;

/// <summary>Settings of BEFT (arXiv 2509.15974): a new bias beside the frozen one.</summary>
public sealed record BeftOptions : MethodOptions
{
    /// <inheritdoc/>
    public override string PeftType => "BEFT";

    /// <summary>Linear maps that get a bias: names, a pattern, or <c>all-linear</c>; null (default): values, as in the paper.</summary>
    [JsonPropertyName("target_modules")]
    public Targets? TargetModules { get; init; }

    /// <summary>
    /// True (default) starts every bias at zero, where the model is the base; false draws them from N(0, 1), as peft does for its own
    /// tests.
    /// </summary>
    [JsonPropertyName("init_weights")]
    public bool InitWeights { get; init; } = true;

    /// <inheritdoc/>
    public override void Validate() { }

    /// <inheritdoc/>
    public override PeftMethod Create(string name) => new BeftMethod(name, this);

    internal override JsonObject PeftFields => new() { ["auto_mapping"] = null };
}
