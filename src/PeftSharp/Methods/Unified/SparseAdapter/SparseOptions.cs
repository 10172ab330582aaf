using System.Text.Json.Serialization;
using PeftSharp.Methods.Additive.Bottleneck;
using PeftSharp.Methods.Json;

namespace PeftSharp.Methods.Unified.SparseAdapter;

/// <summary>
/// Settings of SparseAdapter (He et al. 2022, arXiv 2210.04284): another method of which most weights are pruned before training.
/// </summary>
public sealed record SparseOptions : MethodOptions
{
    /// <inheritdoc/>
    public override string PeftType => "SPARSE_ADAPTER";

    /// <summary>
    /// The method that is pruned: its settings, or its name; default: bottleneck adapters. Larger sizes at a higher sparsity cost the same
    /// weights (the paper's Large-Sparse).
    /// </summary>
    [JsonPropertyName("part")]
    public MethodPart Part { get; init; } = new(new BottleneckOptions());

    /// <summary>
    /// Share of the weights of its matrices that are pruned; 0 (nothing) to less than 1; default 0.8. Vectors (biases, norms) stay whole.
    /// </summary>
    [JsonPropertyName("sparsity")]
    [JsonConverter(typeof(FloatConverter))]
    public double Sparsity { get; init; } = 0.8;

    /// <summary>
    /// What decides: <c>snip</c> (default) and <c>grasp</c> look at training data before the first step, and until then at magnitudes;
    /// <c>magnitude</c>; <c>erdos-renyi</c>, at random with a share of each matrix that falls with its size; <c>random</c>.
    /// </summary>
    [JsonPropertyName("prune_by")]
    public string PruneBy { get; init; } = "snip";

    /// <summary>Examples that <c>snip</c> and <c>grasp</c> look at; from 1 to 1000000; default 128.</summary>
    [JsonPropertyName("num_examples")]
    public int Examples { get; init; } = 128;

    /// <inheritdoc/>
    public override void Validate()
    {
        if (Part is null) throw Bad("part", null, "a method's name or settings");
        if (Part.Options is SparseOptions) throw Bad("part", Part, "another method than this one");
        Part.Options.Validate();
        if (Sparsity is not (>= 0 and < 1)) throw Bad("sparsity", Sparsity, "a number from 0 to less than 1");
        if (PruneBy is not ("snip" or "grasp" or "magnitude" or "erdos-renyi" or "random"))
            throw Bad("prune_by", $"\"{PruneBy}\"", "\"snip\", \"grasp\", \"magnitude\", \"erdos-renyi\" or \"random\"");
        if (Examples is < 1 or > 1_000_000) throw Bad("num_examples", Examples, "a whole number from 1 to 1000000");
    }

    /// <inheritdoc/>
    public override MethodOptions WithTokens(Func<string, IReadOnlyList<int>> tokenize) =>
        this with { Part = new(Part.Options.WithTokens(tokenize)) };

    /// <inheritdoc/>
    internal override MethodOptions AsReference() => this with { Part = new(Part.Options.AsReference()) };

    /// <inheritdoc/>
    public override PeftMethod Create(string name) => new SparseMethod(name, this);
}
