using PeftSharp.Sites;

namespace PeftSharp.Models.Blocks;

/// <summary>What an architecture calls the parts of a layer, relative to the layer's path.</summary>
internal sealed record EncoderNames(
    string Attention, string Query, string Key, string Value, string AttentionOutput, string AttentionNorm,
    string Intermediate, string FeedForwardOutput, string FeedForwardNorm, string AttentionBranch, string FeedForwardBranch);
