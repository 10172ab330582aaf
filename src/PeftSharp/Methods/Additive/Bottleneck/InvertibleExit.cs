using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Additive.Bottleneck;

/// <summary>The coupling undone, before the map that makes a language model's logits.</summary>
internal sealed class InvertibleExit(Coupling coupling) : IProjectionInput
{
    public Tensor Input(Tensor x, ForwardContext context) => coupling.Undo(x, context);
}
