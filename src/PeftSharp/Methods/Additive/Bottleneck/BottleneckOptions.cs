using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using PeftSharp.Sites;

namespace PeftSharp.Methods.Additive.Bottleneck;

/// <summary>Settings of bottleneck adapters (Houlsby et al. 2019, arXiv 1902.00751; Pfeiffer et al. 2020, arXiv 2005.00247; He et al. 2021, arXiv 2110.04366), under AdapterHub's names.</summary>
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

    /// <summary>Activation between the two maps; default <c>relu</c>.</summary>
    [JsonPropertyName("non_linearity")]
    public string NonLinearity { get; init; } = "relu";

    /// <summary>True applies the model's own norm (over the sum with the residual) before the adapter; default true (Pfeiffer).</summary>
    [JsonPropertyName("original_ln_before")]
    public bool OriginalNormBefore { get; init; } = true;

    /// <summary>True applies residual and the model's own norm after the adapter; default true.</summary>
    [JsonPropertyName("original_ln_after")]
    public bool OriginalNormAfter { get; init; } = true;

    /// <summary>Where the adapter's own residual is taken: <c>true</c> before the model's norm (default), <c>false</c> after it, <c>post_add</c> between sum and norm.</summary>
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

    /// <summary>Start of the maps: <c>bert</c> N(0, 0.02²) (default), <c>mam_adapter</c> (up-projection zero: neutral), <c>houlsby</c> (truncated normal).</summary>
    [JsonPropertyName("init_weights")]
    public string InitWeights { get; init; } = "bert";

    /// <summary>Standard deviation of the <c>houlsby</c> start; default 0.01.</summary>
    [JsonPropertyName("init_scale")]
    public double InitScale { get; init; } = 0.01;

    /// <summary>True computes the adapter from the branch's input and adds it to the branch's output; default false (sequential).</summary>
    [JsonPropertyName("is_parallel")]
    public bool IsParallel { get; init; }

    /// <summary>Factor of the adapter's output: a number (default 1), <c>learned</c>, or <c>channel</c> (one learned factor per dimension).</summary>
    [JsonPropertyName("scaling")]
    public string Scaling { get; init; } = "1";

    /// <summary>True gates the adapter per sequence (UniPELT); default false.</summary>
    [JsonPropertyName("use_gating")]
    public bool UseGating { get; init; }

    /// <summary>True lets a gate average over padded positions too, as AdapterHub does, so that a row's answer depends on the rows beside it; default false.</summary>
    [JsonPropertyName("gate_over_padding")]
    public bool GateOverPadding { get; init; }

    /// <summary>Dropout of the adapter's output; default 0.</summary>
    [JsonPropertyName("dropout")]
    public double Dropout { get; init; }

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
    internal double? FixedScaling => double.TryParse(Scaling, System.Globalization.CultureInfo.InvariantCulture, out var number) ? number : null;

    /// <inheritdoc/>
    public override void Validate()
    {
        if (!AfterAttention && !AfterFeedForward) throw Bad("output_adapter", "false", "true, or \"mh_adapter\": true: an adapter has to stand somewhere");
        foreach (var factor in (LayerFactors?.Values ?? []).Append(ReductionFactor))
            if (factor is not (>= 1e-3 and <= 1e6)) throw Bad("reduction_factor", factor, "a number from 0.001 to 1000000");
        if (Size is < 1 or > 1 << 20) throw Bad("bottleneck_size", Size, "a whole number from 1 to 1048576");
        if (InitScale is not (>= 0 and <= 1e3)) throw Bad("init_scale", InitScale, "a number from 0 to 1000");
        if (!Activation.Names.Contains(NonLinearity.ToLowerInvariant())) throw Bad("non_linearity", $"\"{NonLinearity}\"", $"one of {string.Join(", ", Activation.Names)}");
        if (InitWeights is not ("bert" or "mam_adapter" or "houlsby")) throw Bad("init_weights", $"\"{InitWeights}\"", "\"bert\", \"mam_adapter\" or \"houlsby\"");
        if (ResidualBeforeNorm is not ("true" or "false" or "post_add")) throw Bad("residual_before_ln", $"\"{ResidualBeforeNorm}\"", "true, false or \"post_add\"");
        if (FixedScaling is { } scale && !(Math.Abs(scale) <= 1e6)) throw Bad("scaling", Scaling, "a number from -1000000 to 1000000, \"learned\" or \"channel\"");
        if (FixedScaling is null && Scaling is not ("learned" or "channel")) throw Bad("scaling", $"\"{Scaling}\"", "a number, \"learned\" or \"channel\"");
        if (Dropout is not (>= 0 and < 1)) throw Bad("dropout", Dropout, "a probability from 0 to less than 1");
    }

    /// <inheritdoc/>
    public override PeftMethod Create(string name) => new BottleneckMethod(name, this);

    /// <inheritdoc/>
    internal override MethodOptions AsReference() => UseGating ? this with { GateOverPadding = true } : this;
}
