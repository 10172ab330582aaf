
namespace PeftSharp.Sites;

/// <summary>Which residual branch of a layer a site stands at.</summary>
public enum BranchKind
{
    /// <summary>After self-attention.</summary>
    Attention,
    /// <summary>After the feed-forward block.</summary>
    FeedForward,
    /// <summary>After cross-attention.</summary>
    CrossAttention,
}
