using System.Text.Json.Serialization;
using PeftSharp.Methods.Partial.Sparse;

namespace PeftSharp.Methods.Partial.Sam;

/// <summary>Settings of the second-order approximation method (Fu et al. 2023, arXiv 2211.15583).</summary>
public sealed record SamOptions : ChosenWeightsOptions
{
    /// <inheritdoc/>
    public override string PeftType => "SAM";

    /// <summary>How many training examples the gradient is computed from at most, 1 or more; default 1024.</summary>
    [JsonPropertyName("examples")]
    public int Examples { get; init; } = 1024;

    /// <inheritdoc/>
    public override void Validate()
    {
        base.Validate();
        if (Examples < 1) throw Bad("examples", Examples, "1 or more");
    }

    /// <inheritdoc/>
    public override PeftMethod Create(string name) => new SamMethod(name, this);
}
