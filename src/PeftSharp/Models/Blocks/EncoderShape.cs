using PeftSharp.Sites;

namespace PeftSharp.Models.Blocks;

/// <summary>The shape of a post-norm encoder layer.</summary>
internal sealed record EncoderShape(
    int Hidden, int Heads, int Intermediate, string Activation, double Epsilon, double HiddenDropout, double AttentionDropout)
{
    public int HeadDim => Hidden / Heads;

    public AttentionShape Attention { get; init; } = new(Heads, Heads, Hidden / Heads);

    /// <summary>Dropout behind the feed-forward block; that of hidden states unless said otherwise.</summary>
    public double FeedForwardDropout { get; init; } = HiddenDropout;
}
