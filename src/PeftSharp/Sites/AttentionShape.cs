namespace PeftSharp.Sites;

/// <summary>The shape of an attention: how many heads, how wide, and how scores are scaled.</summary>
/// <param name="Heads">Query heads.</param>
/// <param name="KeyHeads">Key and value heads; divides the query heads, which share them in groups of neighbours.</param>
/// <param name="HeadDim">Width of a head.</param>
public sealed record AttentionShape(int Heads, int KeyHeads, int HeadDim)
{
    /// <summary>What scores are multiplied by; default 1 / √headDim (T5: 1).</summary>
    public double Scale { get; init; } = 1 / Math.Sqrt(HeadDim);

    /// <summary>Bounds scores s to cap · tanh(s / cap); null (default) leaves them.</summary>
    public double? SoftCap { get; init; }

    /// <summary>
    /// Heads of the keys and values that a prefix adds; default: those of the model's own keys. Falcon's prefixes have one a query head.
    /// </summary>
    public int PrefixHeads { get; init; } = KeyHeads;

    /// <summary>Query heads that share one key head.</summary>
    public int Group => Heads / KeyHeads;
}
