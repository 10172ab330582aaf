
namespace PeftSharp.Sites;

/// <summary>What a linear map does in its layer; methods that name matrices by role choose by it.</summary>
public enum ProjectionRole
{
    /// <summary>Makes attention queries.</summary>
    Query,
    /// <summary>Makes attention keys.</summary>
    Key,
    /// <summary>Makes attention values.</summary>
    Value,
    /// <summary>Joins the attention heads.</summary>
    AttentionOutput,
    /// <summary>Widens in the feed-forward block.</summary>
    Intermediate,
    /// <summary>Makes the gate of a gated feed-forward block.</summary>
    Gate,
    /// <summary>Narrows in the feed-forward block.</summary>
    FeedForwardOutput,
    /// <summary>Pools the first token.</summary>
    Pooler,
    /// <summary>Belongs to the task's head.</summary>
    Head,
    /// <summary>Does the work of several maps at once (queries, keys and values in one).</summary>
    Fused,
    /// <summary>Takes embeddings to the width of the residual stream.</summary>
    Embedding,
    /// <summary>Makes the logits of a language model: part of the base, and of no layer.</summary>
    Vocabulary,
    /// <summary>Nobody knows: it belongs to a network that was written elsewhere.</summary>
    Foreign,
}
