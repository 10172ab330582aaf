using PeftSharp.Models;

namespace PeftSharp.Runs;

/// <summary>How a model and its adapter are loaded.</summary>
public sealed record LoadOptions
{
    /// <summary>In which precision frozen weights are kept and multiplied; float32 by default.</summary>
    public ComputeType Compute { get; init; } = ComputeType.Float32;

    /// <summary>Where weights live and products run: <c>cpu</c> (default), <c>cuda</c> or <c>cuda:1</c> …, <c>mps</c>.</summary>
    public string Device { get; init; } = "cpu";

    /// <summary>True unpacks 4-bit weights, for a merge: to pack a merged weight again would round the update away. Default false.</summary>
    public bool Dense { get; init; }
}
