using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Additive.PTuning;

/// <summary>What makes vectors from an embedding.</summary>
internal interface IPromptNetwork
{
    /// <summary>x: [tokens, width] → the same.</summary>
    Tensor Forward(Tensor x, ForwardContext context);
}
