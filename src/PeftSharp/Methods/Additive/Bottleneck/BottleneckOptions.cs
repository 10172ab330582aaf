using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using PeftSharp.Sites;

namespace PeftSharp.Methods.Additive.Bottleneck;

/// <summary>
/// Settings of bottleneck adapters (Houlsby et al. 2019, arXiv 1902.00751; Pfeiffer et al. 2020, arXiv 2005.00247; He et al. 2021, arXiv
/// 2110.04366), under AdapterHub's names.
/// </summary>
public sealed record BottleneckOptions : MethodOptions
{
    /// <inheritdoc/>
    public override string PeftType => "BOTTLENECK";

    /// <summary>An adapter after attention; default false.</summary>
    [JsonPropertyName("mh_adapter")]
    public bool AfterAttention { get; init; }

    /// <summary>An adapter after the feed-forward block; default true.</summary>
    [JsonPropertyName("output_adapter")]
    public bool AfterFeedForward { get; init; } = true;

    /// <summary>Width of the model divided by the width of the bottleneck; more than 0; default 16.</summary>
    [JsonPropertyName("reduction_factor")]
    public double ReductionFactor { get; init; } = 16;

    /// <summary>Reduction factors of single layers; the others use <c>reduction_factor</c>.</summary>
    [JsonPropertyName("reduction_factors")]
    public IReadOnlyDictionary<int, double>? LayerFactors { get; init; }

    /// <summary>Width of the bottleneck, instead of a reduction factor; null by default.</summary>
    [JsonPropertyName("bottleneck_size")]
    public int? Size { get; init; }

    /// <summary>
    /// Activation between the two maps; default <c>relu</c>. <c>prelu</c> trains a slope with each bottleneck, from 0.25, below 0.
    /// </summary>
    [JsonPropertyName("non_linearity")]
    public string NonLinearity { get; init; } = "relu";

    /// <summary>True applies the model's own norm (over the sum with the residual) before the adapter; default true (Pfeiffer).</summary>
    [JsonPropertyName("original_ln_before")]
    public bool OriginalNormBefore { get; init; } = true;

    /// <summary>True applies residual and the model's own norm after the adapter; default true.</summary>
    [JsonPropertyName("original_ln_after")]
    public bool OriginalNormAfter { get; init; } = true;

    /// <summary>
    /// Where the adapter's own residual is taken: <c>true</c> before the model's norm (default), <c>false</c> after it, <c>post_add</c>
    /// between sum and norm.
    /// </summary>
    [JsonPropertyName("residual_before_ln")]
    public string ResidualBeforeNorm { get; init; } = "true";

    /// <summary>True adds the adapter's residual before its own norm (<c>ln_after</c>) instead of after; default false.</summary>
    [JsonPropertyName("adapter_residual_before_ln")]
    public bool AdapterResidualBeforeNorm { get; init; }

    /// <summary>A new norm before the bottleneck; default false.</summary>
    [JsonPropertyName("ln_before")]
    public bool NormBefore { get; init; }

    /// <summary>A new norm after the bottleneck; default false.</summary>
    [JsonPropertyName("ln_after")]
    public bool NormAfter { get; init; }

    /// <summary>
    /// Start of the maps: <c>bert</c> N(0, 0.02²) (default), <c>mam_adapter</c> (up-projection zero: neutral), <c>houlsby</c> (truncated
    /// normal).
    /// </summary>
    [JsonPropertyName("init_weights")]
    public string InitWeights { get; init; } = "bert";

    /// <summary>Standard deviation of the <c>houlsby</c> start; default 0.01.</summary>
    [JsonPropertyName("init_scale")]
    public double InitScale { get; init; } = 0.01;

    /// <summary>True computes the adapter from the branch's input and adds it to the branch's output; default false (sequential).</summary>
    [JsonPropertyName("is_parallel")]
    public bool IsParallel { get; init; }

    /// <summary>
    /// Factor of the adapter's output: a number (default 1), <c>learned</c>, or <c>channel</c> (one learned factor per dimension).
    /// </summary>
    [JsonPropertyName("scaling")]
    public string Scaling { get; init; } = "1";

    /// <summary>True gates the adapter per sequence (UniPELT); default false.</summary>
    [JsonPropertyName("use_gating")]
    public bool UseGating { get; init; }

    /// <summary>
    /// True lets a gate average over padded positions too, as AdapterHub does, so that a row's answer depends on the rows beside it;
    /// default false.
    /// </summary>
    [JsonPropertyName("gate_over_padding")]
    public bool GateOverPadding { get; init; }

    /// <summary>Dropout of the adapter's output; default 0.</summary>
    [JsonPropertyName("dropout")]
    public double Dropout { get; init; }

    /// <summary>True puts an adapter after the attention to another sequence too, in a model that has one; default false.</summary>
    [JsonPropertyName("cross_adapter")]
    public bool AfterCrossAttention { get; init; }

    /// <summary>
    /// Probability that a row goes without the adapter in a training step (sequential adapters); 0 ≤ p &lt; 1; default 0.
    /// </summary>
    [JsonPropertyName("stochastic_depth")]
    public double StochasticDepth { get; init; }

    /// <summary>
    /// An invertible adapter behind the embeddings, undone before a language model's output: null (default) or <c>nice</c> (MAD-X).
    /// </summary>
    [JsonPropertyName("inv_adapter")]
    public string? Invertible { get; init; }

    /// <summary>Half the model's width divided by the width inside the invertible adapter; null stands for 2.</summary>
    [JsonPropertyName("inv_adapter_reduction_factor")]
    public double? InvertibleFactor { get; init; }

    /// <summary>True makes both maps of Kronecker products (Compacter); default false.</summary>
    [JsonPropertyName("phm_layer")]
    public bool Phm { get; init; }

    /// <summary>Number of products in a sum, which divides the model's width; 1 to 1024; default 4.</summary>
    [JsonPropertyName("phm_dim")]
    public int PhmTerms { get; init; } = 4;

    /// <summary>Rank of a product's large factor; 1 to 65536; default 1.</summary>
    [JsonPropertyName("phm_rank")]
    public int PhmRank { get; init; } = 1;

    /// <summary>True (default) trains a bias with each map.</summary>
    [JsonPropertyName("phm_bias")]
    public bool PhmBias { get; init; } = true;

    /// <summary>True (default) shares the products' small factors among all layers.</summary>
    [JsonPropertyName("shared_phm_rule")]
    public bool SharedPhmRule { get; init; } = true;

    /// <summary>True makes the small factors of rank 1; default false.</summary>
    [JsonPropertyName("factorized_phm_rule")]
    public bool FactorizedPhmRule { get; init; }

    /// <summary>True (default) trains the small factors; false keeps them as they are drawn.</summary>
    [JsonPropertyName("learn_phm")]
    public bool LearnPhmRule { get; init; } = true;

    /// <summary>True shares the products' large factors among all layers; default false.</summary>
    [JsonPropertyName("shared_w_phm")]
    public bool SharedPhmWeight { get; init; }

    /// <summary>True (default) makes the large factors of low rank.</summary>
    [JsonPropertyName("factorized_phm_w")]
    public bool FactorizedPhmWeight { get; init; } = true;

    /// <summary>Start of the small factors: <c>normal</c> (default) or <c>uniform</c>.</summary>
    [JsonPropertyName("phm_c_init")]
    public string PhmRuleStart { get; init; } = "normal";

    /// <summary>Standard deviation of shared small factors' normal start; default 0.0001.</summary>
    [JsonPropertyName("phm_init_range")]
    public double PhmRuleDeviation { get; init; } = 1e-4;

    /// <summary>Layers without adapters.</summary>
    [JsonPropertyName("leave_out")]
    public IReadOnlyList<int> LeaveOut { get; init; } = [];

    /// <summary>True trains the model's norms as well, as the paper of 2019 does; default false.</summary>
    [JsonPropertyName("train_norms")]
    public bool TrainNorms { get; init; }

    /// <summary>AdapterHub's own configuration, where the adapter came from one; fields that have no place here survive in it.</summary>
    [JsonIgnore]
    public JsonObject? Hub { get; init; }

    /// <summary>The fixed factor, or null where it is learned.</summary>
    internal double? FixedScaling =>
        double.TryParse(Scaling, System.Globalization.CultureInfo.InvariantCulture, out var number) ? number : null;

    /// <inheritdoc/>
    public override void Validate()
    {
        if (!AfterAttention && !AfterFeedForward && !AfterCrossAttention)
            throw Bad("output_adapter", "false", "true, or \"mh_adapter\": true: an adapter has to stand somewhere");
        foreach (var factor in (LayerFactors?.Values ?? []).Append(ReductionFactor))
            if (factor is not (>= 1e-3 and <= 1e6)) throw Bad("reduction_factor", factor, "a number from 0.001 to 1000000");
        if (Size is < 1 or > 1 << 20) throw Bad("bottleneck_size", Size, "a whole number from 1 to 1048576");
        if (InitScale is not (>= 0 and <= 1e3)) throw Bad("init_scale", InitScale, "a number from 0 to 1000");
        if (!Activation.Names.Contains(NonLinearity.ToLowerInvariant()) && !LearnedSlope.IsMeant(NonLinearity))
            throw Bad("non_linearity", $"\"{NonLinearity}\"", $"one of {string.Join(", ", Activation.Names)}, {LearnedSlope.Name}");
        if (InitWeights is not ("bert" or "mam_adapter" or "houlsby"))
            throw Bad("init_weights", $"\"{InitWeights}\"", "\"bert\", \"mam_adapter\" or \"houlsby\"");
        if (ResidualBeforeNorm is not ("true" or "false" or "post_add"))
            throw Bad("residual_before_ln", $"\"{ResidualBeforeNorm}\"", "true, false or \"post_add\"");
        if (FixedScaling is { } scale && !(Math.Abs(scale) <= 1e6))
            throw Bad("scaling", Scaling, "a number from -1000000 to 1000000, \"learned\" or \"channel\"");
        if (FixedScaling is null && Scaling is not ("learned" or "channel"))
            throw Bad("scaling", $"\"{Scaling}\"", "a number, \"learned\" or \"channel\"");
        if (StochasticDepth is not (>= 0 and < 1)) throw Bad("stochastic_depth", StochasticDepth, "a probability from 0 to less than 1");
        if (Invertible is not (null or "nice"))
            throw Bad(
                "inv_adapter", $"\"{Invertible}\"",
                "null or \"nice\" (AdapterHub's own \"glow\" yields a list, which none of its models takes)");
        if (InvertibleFactor is not (null or (>= 1e-3 and <= 1e6)))
            throw Bad("inv_adapter_reduction_factor", InvertibleFactor, "a number from 0.001 to 1000000");
        if (Phm) ValidatePhm();
        if (Dropout is not (>= 0 and < 1)) throw Bad("dropout", Dropout, "a probability from 0 to less than 1");
    }

    private void ValidatePhm()
    {
        if (PhmTerms is < 1 or > 1024) throw Bad("phm_dim", PhmTerms, "a whole number from 1 to 1024");
        if (PhmRank is < 1 or > 1 << 16) throw Bad("phm_rank", PhmRank, "a whole number from 1 to 65536");
        if (PhmRuleStart is not ("normal" or "uniform")) throw Bad("phm_c_init", $"\"{PhmRuleStart}\"", "\"normal\" or \"uniform\"");
        if (PhmRuleDeviation is not (>= 0 and <= 1e3)) throw Bad("phm_init_range", PhmRuleDeviation, "a number from 0 to 1000");
        if (InitWeights != "bert")
            throw Bad("init_weights", $"\"{InitWeights}\"", "\"bert\" where \"phm_layer\" is true: products have a start of their own");
        if (SharedPhmWeight && LayerFactors is { Count: > 0 })
            throw Bad("shared_w_phm", "true", "false where layers have reduction factors of their own");
    }

    /// <inheritdoc/>
    public override PeftMethod Create(string name) => new BottleneckMethod(name, this);

    /// <inheritdoc/>
    internal override MethodOptions AsReference() => UseGating ? this with { GateOverPadding = true } : this;
}
