using PeftSharp.Sites;

namespace PeftSharp.Models.Blocks;

/// <summary>The shape of a decoder layer of Llama's kind.</summary>
/// <param name="Hidden">Width of the residual stream.</param>
/// <param name="Intermediate">Width of the feed-forward block.</param>
/// <param name="Attention">Heads.</param>
internal sealed record DecoderShape(int Hidden, int Intermediate, AttentionShape Attention)
{
    /// <summary>Activation of the feed-forward block's gate.</summary>
    public required string Activation { get; init; }

    /// <summary>Added to the mean of squares in norms.</summary>
    public required double Epsilon { get; init; }

    /// <summary>How norms normalise.</summary>
    public NormKind Norm { get; init; } = NormKind.Rms;

    /// <summary>Dropout of attention weights.</summary>
    public double AttentionDropout { get; init; }

    /// <summary>True if queries, keys and values have biases.</summary>
    public bool InputBias { get; init; }

    /// <summary>True if the output projection has a bias.</summary>
    public bool OutputBias { get; init; }

    /// <summary>True if the feed-forward maps have biases.</summary>
    public bool FeedForwardBias { get; init; }

    /// <summary>Dropout at the end of residual branches.</summary>
    public double ResidualDropout { get; init; }

    /// <summary>True if queries and keys of each head are normalised before they are turned (Qwen3).</summary>
    public bool QueryKeyNorms { get; init; }

    /// <summary>True if one map makes queries, keys and values, and one makes gate and input of the feed-forward block (Phi-3).</summary>
    public bool FusedMaps { get; init; }

    /// <summary>True if what a branch yields is normalised before it is added (Gemma 2).</summary>
    public bool BranchNorms { get; init; }
}
