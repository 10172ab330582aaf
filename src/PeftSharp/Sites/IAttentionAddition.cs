using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Sites;

/// <summary>Adds a second attention result to the first.</summary>
public interface IAttentionAddition : IAttentionPlugin
{
    /// <summary>What to add to the joined heads before the output projection, [rows, tokens, heads · headDim].</summary>
    Tensor Addition(AttentionState state, ForwardContext context);
}
