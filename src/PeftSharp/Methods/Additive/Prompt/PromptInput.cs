using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Additive.Prompt;

/// <summary>The vectors at the input.</summary>
/// <param name="prompt">[vectors, hidden]; those beyond the length belong to an input that reads none.</param>
/// <param name="length">How many are read.</param>
/// <param name="stage">When they come in.</param>
/// <param name="afterFirst">True puts them after the first token.</param>
internal sealed class PromptInput(AdapterTensor prompt, int length, InputStage stage, bool afterFirst) : IInputPlugin
{
    public InputStage Stage => stage;

    public int Length => length;

    public bool AfterFirst => afterFirst;

    public Tensor Vectors(ForwardContext context) => prompt.Get(context).narrow(0, 0, length);
}
