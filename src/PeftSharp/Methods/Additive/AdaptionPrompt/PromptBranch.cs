using PeftSharp.Interop;
using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Additive.AdaptionPrompt;

/// <summary>
/// The same result added behind the map that joins the heads, as peft has it in GPT-2, where queries have no rotary positions: they are
/// made again.
/// </summary>
internal sealed class PromptBranch(PromptAttention attention, PromptMap query, AttentionShape shape) : IBranchPlugin
{
    public Tensor Transform(Tensor output, BranchState state, ForwardContext context) =>
        output.Plus(attention.Attend(query.Heads(state.Input, shape.Heads, context), shape, context));
}
