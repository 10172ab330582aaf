using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Additive.Prompt;

/// <summary>The vectors at the input.</summary>
internal sealed class PromptInput(AdapterTensor prompt, int length, InputStage stage) : IInputPlugin
{
    public InputStage Stage => stage;

    public int Length => length;

    public Tensor Vectors(ForwardContext context) => prompt.Get(context);
}
