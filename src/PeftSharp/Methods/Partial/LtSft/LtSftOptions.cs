using System.Text.Json.Serialization;
using PeftSharp.Methods.Partial.Sparse;

namespace PeftSharp.Methods.Partial.LtSft;

/// <summary>Settings of Lottery Ticket Sparse Fine-Tuning (Ansell et al. 2022, arXiv 2110.07560).</summary>
public sealed record LtSftOptions : ChosenWeightsOptions
{
    /// <inheritdoc/>
    public override string PeftType => "LT_SFT";

    /// <summary>
    /// The share of a run's steps that the first phase takes, in which every weight is trained; between 0 and 1; default 0.5.
    /// </summary>
    [JsonPropertyName("full_share")]
    public double FullShare { get; init; } = 0.5;

    /// <summary>
    /// λ of the first phase: λ/N · Σ |w − w₀| is added to the loss, over the weights outside the head that may be trained, N being the
    /// number of the model's weights; 0 to 1000000; default 0 (the paper's examples use 0.1).
    /// </summary>
    [JsonPropertyName("full_l1_reg")]
    public double FullPenalty { get; init; }

    /// <summary>λ of the second phase, over the weights that are kept; 0 to 1000000; default 0.</summary>
    [JsonPropertyName("sparse_l1_reg")]
    public double SparsePenalty { get; init; }

    /// <inheritdoc/>
    public override void Validate()
    {
        base.Validate();
        if (!(FullShare > 0 && FullShare < 1)) throw Bad("full_share", FullShare, "a share between 0 and 1");
        if (FullPenalty is not (>= 0 and <= 1e6)) throw Bad("full_l1_reg", FullPenalty, "a number from 0 to 1000000");
        if (SparsePenalty is not (>= 0 and <= 1e6)) throw Bad("sparse_l1_reg", SparsePenalty, "a number from 0 to 1000000");
    }

    /// <inheritdoc/>
    public override PeftMethod Create(string name) => new LtSftMethod(name, this);
}
