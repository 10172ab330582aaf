using System.Text.Json.Serialization;
using PeftSharp.Methods.Partial.Sparse;

namespace PeftSharp.Methods.Partial.DiffPruning;

/// <summary>Settings of Diff pruning (Guo et al. 2021, arXiv 2012.07463); defaults are those of the paper's code.</summary>
public sealed record DiffPruningOptions : ChosenWeightsOptions
{
    /// <inheritdoc/>
    public override string PeftType => "DIFF_PRUNING";

    /// <summary>
    /// True (default) has one gate more for each tensor, by which the tensor's gates are multiplied (structured Diff pruning); false has a
    /// gate for each weight alone.
    /// </summary>
    [JsonPropertyName("structured")]
    public bool Structured { get; init; } = true;

    /// <summary>
    /// λ: λ times the expected number of changed weights is added to the loss; 0 to 1000000; default 1.25e-7 (for a model of 340 million
    /// weights).
    /// </summary>
    [JsonPropertyName("sparsity_penalty")]
    public double Penalty { get; init; } = 1.25e-7;

    /// <summary>α of every gate at the start, from -100 to 100; default 5 (nearly all open).</summary>
    [JsonPropertyName("alpha_init")]
    public double Start { get; init; } = 5;

    /// <summary>
    /// What the learning rate is multiplied by for α, above 0; default 10000: with the paper's rate of 1e-5 that is its rate of 0.1 for α.
    /// </summary>
    [JsonPropertyName("alpha_rate")]
    public double GateRate { get; init; } = 10_000;

    /// <summary>l, where the range of a gate begins before it is cut at 0; from -1000 to less than 0; default -1.5.</summary>
    [JsonPropertyName("concrete_lower")]
    public double Lower { get; init; } = -1.5;

    /// <summary>r, where it ends before it is cut at 1; more than 1, at most 1000; default 1.5.</summary>
    [JsonPropertyName("concrete_upper")]
    public double Upper { get; init; } = 1.5;

    /// <summary>The share of a run's steps in which the gates are trained, between 0 and 1; default 0.5.</summary>
    [JsonPropertyName("gate_share")]
    public double GateShare { get; init; } = 0.5;

    /// <inheritdoc/>
    public override void Validate()
    {
        base.Validate();
        if (Penalty is not (>= 0 and <= 1e6)) throw Bad("sparsity_penalty", Penalty, "a number from 0 to 1000000");
        if (Start is not (>= -100 and <= 100)) throw Bad("alpha_init", Start, "a number from -100 to 100");
        if (GateRate is not (> 0 and <= 1e9)) throw Bad("alpha_rate", GateRate, "a number above 0 and at most 1000000000");
        if (Lower is not (>= -1000 and < 0)) throw Bad("concrete_lower", Lower, "a number from -1000 to less than 0");
        if (Upper is not (> 1 and <= 1000)) throw Bad("concrete_upper", Upper, "a number above 1 and at most 1000");
        if (!(GateShare > 0 && GateShare < 1)) throw Bad("gate_share", GateShare, "a share between 0 and 1");
    }

    /// <inheritdoc/>
    public override PeftMethod Create(string name) => new DiffPruningMethod(name, this);
}
