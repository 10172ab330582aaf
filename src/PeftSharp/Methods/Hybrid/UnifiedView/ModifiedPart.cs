namespace PeftSharp.Methods.Hybrid.UnifiedView;

/// <summary>Which hidden representation a module changes.</summary>
public enum ModifiedPart
{
    /// <summary>The output of the attention block; of a low-rank form, its queries and values.</summary>
    Attention,

    /// <summary>The output of each attention head.</summary>
    AttentionHeads,

    /// <summary>The output of the feed-forward block; of a low-rank form, both of its maps.</summary>
    FeedForward,
}
