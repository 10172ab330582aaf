using PeftSharp.Sites;

namespace PeftSharp.Models.Decoding;

/// <summary>The sites of a layer of Llama's kind, for who computes it otherwise than site by site.</summary>
internal sealed record LayerParts
{
    /// <summary>Before the attention.</summary>
    public required Norm InputNorm { get; init; }

    /// <summary>Over each head's queries; null for none.</summary>
    public Norm? QueryNorm { get; init; }

    /// <summary>Over each head's keys; null for none.</summary>
    public Norm? KeyNorm { get; init; }

    /// <summary>The attention, with its maps.</summary>
    public required AttentionSite Attention { get; init; }

    /// <summary>Behind the attention.</summary>
    public required BranchSite AfterAttention { get; init; }

    /// <summary>Before the feed-forward block.</summary>
    public required Norm FeedForwardNorm { get; init; }

    /// <summary>Makes the gate.</summary>
    public required ProjectionSite Gate { get; init; }

    /// <summary>Makes what is gated.</summary>
    public required ProjectionSite Up { get; init; }

    /// <summary>Ends the feed-forward block.</summary>
    public required ProjectionSite Down { get; init; }

    /// <summary>Behind the feed-forward block.</summary>
    public required BranchSite AfterFeedForward { get; init; }

    /// <summary>The layer's end.</summary>
    public required LayerSite Output { get; init; }

    /// <summary>True if no plug-in but those of linear maps acts here.</summary>
    public bool IsBare(ForwardContext context) =>
        !Attention.Plugins.AnyActive(context) && IsBare(AfterAttention, context) && IsBare(AfterFeedForward, context)
            && !Output.Plugins.AnyActive(context);

    private static bool IsBare(BranchSite branch, ForwardContext context) =>
        branch.Norm is null && !branch.Plugins.AnyActive(context) && !branch.Fusions.AnyActive(context);
}
