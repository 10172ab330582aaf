using System.Text.Json.Serialization;
using PeftSharp.Methods.Partial.Sparse;

namespace PeftSharp.Methods.Partial.Fish;

/// <summary>Settings of the FISH mask (Sung et al. 2021, arXiv 2111.09839).</summary>
public sealed record FishOptions : ChosenWeightsOptions
{
    /// <inheritdoc/>
    public override string PeftType => "FISH";

    /// <summary>How many training examples the Fisher information is estimated from at most, 1 or more; default 1024.</summary>
    [JsonPropertyName("examples")]
    public int Examples { get; init; } = 1024;

    /// <summary>
    /// Two estimates are in use. False (default): the squared gradient of log p(label) of the data's own labels (empirical). True: its
    /// expectation over the labels that the model gives, for which no label is needed; classification only.
    /// </summary>
    [JsonPropertyName("expected")]
    public bool Expected { get; init; }

    /// <inheritdoc/>
    public override void Validate()
    {
        base.Validate();
        if (Examples < 1) throw Bad("examples", Examples, "1 or more");
    }

    /// <inheritdoc/>
    public override PeftMethod Create(string name) => new FishMethod(name, this);
}
