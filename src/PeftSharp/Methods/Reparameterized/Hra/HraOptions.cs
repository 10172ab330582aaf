using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace PeftSharp.Methods.Reparameterized.Hra;

/// <summary>Settings of HRA (Yuan et al. 2024, arXiv 2405.17484).</summary>
public sealed record HraOptions : ExcludingOptions
{
    /// <inheritdoc/>
    public override string PeftType => "HRA";

    /// <summary>Number of reflections of each map; at least 1; even, so that it can start near the base; default 8.</summary>
    [JsonPropertyName("r")]
    public int Rank { get; init; } = 8;

    /// <summary>
    /// True makes the reflections orthogonal to each other first (Gram–Schmidt), so that they cannot undo each other at the start; default
    /// false.
    /// </summary>
    [JsonPropertyName("apply_GS")]
    public bool Orthogonalises { get; init; }

    /// <summary>
    /// True (default) starts with pairs of equal reflections, which undo each other up to rounding, where r is even and apply_GS false;
    /// else from random ones.
    /// </summary>
    [JsonPropertyName("init_weights")]
    public bool InitWeights { get; init; } = true;

    /// <inheritdoc/>
    public override void Validate()
    {
        ValidateTargets();
        ValidateRank("r", Rank);
    }

    /// <inheritdoc/>
    public override PeftMethod Create(string name) => new HraMethod(name, this);

    internal override JsonObject PeftFields => new() { ["auto_mapping"] = null, ["bias"] = "none" };
}
