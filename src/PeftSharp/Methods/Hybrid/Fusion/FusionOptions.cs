using System.Text.Json.Serialization;
using PeftSharp.Methods.Layouts;
using PeftSharp.Sites;

namespace PeftSharp.Methods.Hybrid.Fusion;

/// <summary>
/// Settings of AdapterFusion (Pfeiffer et al. 2021, arXiv 2005.00247), under AdapterHub's names; the defaults are its <c>dynamic</c> ones.
/// </summary>
public sealed record FusionOptions : MethodOptions
{
    /// <summary>The name in messages; on disk AdapterHub has a file of its own for fusions.</summary>
    public const string Type = "ADAPTER_FUSION";

    /// <inheritdoc/>
    public override string PeftType => Type;

    /// <inheritdoc/>
    [JsonIgnore]
    public override AdapterFormat Format => AdapterFormat.AdapterHub;

    /// <summary>True (default) gives queries a trained map.</summary>
    [JsonPropertyName("query")]
    public bool Query { get; init; } = true;

    /// <summary>True (default) gives keys a trained map.</summary>
    [JsonPropertyName("key")]
    public bool Key { get; init; } = true;

    /// <summary>True (default) gives values a trained map without bias; false is AdapterHub's <c>static</c>.</summary>
    [JsonPropertyName("value")]
    public bool Value { get; init; } = true;

    /// <summary>
    /// True asks with the branch's output before the model's norm; default false: after it, where the last adapter reads after it.
    /// </summary>
    [JsonPropertyName("query_before_ln")]
    public bool QueryBeforeNorm { get; init; }

    /// <summary>True (default) adds 0.01 · Σ‖I − V‖² of the value maps to the loss.</summary>
    [JsonPropertyName("regularization")]
    public bool Regularization { get; init; } = true;

    /// <summary>True adds the residual to what each adapter adds, before attending, instead of to the result; default false.</summary>
    [JsonPropertyName("residual_before")]
    public bool ResidualBefore { get; init; }

    /// <summary>
    /// True divides scores in training by a temperature that falls from 50 to 1 in the first 980 steps; answers have 1. Default false: 1.
    /// </summary>
    [JsonPropertyName("temperature")]
    public bool Temperature { get; init; }

    /// <summary>True (default) maps values before they are averaged, false their average; the numbers are the same.</summary>
    [JsonPropertyName("value_before_softmax")]
    public bool ValueBeforeSoftmax { get; init; } = true;

    /// <summary>True (default) starts value maps at the identity (and 1e-6 beside it), false at N(0, 0.02²).</summary>
    [JsonPropertyName("value_initialized")]
    public bool ValueInitialized { get; init; } = true;

    /// <summary>Dropout of the scores in training; null (default): the model's own dropout of attention weights.</summary>
    [JsonPropertyName("dropout_prob")]
    public double? Dropout { get; init; }

    /// <summary>AdapterHub's <c>static</c>: no value map, no regularisation.</summary>
    public static FusionOptions Static { get; } = new() { Value = false, Regularization = false, ValueInitialized = false };

    /// <summary>The adapters, or stacks of adapters, that are fused; filled in when the fusion is attached.</summary>
    [JsonIgnore]
    internal IReadOnlyList<AdapterComposition> Fused { get; init; } = [];

    /// <summary>The model's own dropout of attention weights.</summary>
    [JsonIgnore]
    internal double ModelDropout { get; init; }

    /// <inheritdoc/>
    public override void Validate()
    {
        if (!Query && !Key && !Value)
            throw Bad("query", "false, as are \"key\" and \"value\"", "one of them true: there is nothing to train");
        if (Dropout is not (null or >= 0 and < 1)) throw Bad("dropout_prob", Dropout, "null, or a probability from 0 to less than 1");
    }

    /// <inheritdoc/>
    public override PeftMethod Create(string name) => new FusionMethod(name, this);

    /// <inheritdoc/>
    private protected override IReadOnlyList<AdapterLayout> OwnLayouts() => [FusionLayout.Instance];
}
