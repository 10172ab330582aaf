using PeftSharp.Interop;
using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Additive.Cpt;

/// <summary>The vectors of the context.</summary>
/// <param name="embedding">Word vectors, [tokens, width].</param>
/// <param name="delta">What they move by, [tokens, width].</param>
/// <param name="reach">How far each may move, [tokens, 1]; 0 for those that stay.</param>
/// <param name="labels">What is learnt of the context itself.</param>
internal sealed class CptInput(AdapterTensor embedding, AdapterTensor delta, Tensor reach, IReadOnlyList<InputLabel> labels) : IInputPlugin
{
    public InputStage Stage => InputStage.Words;

    public int Length => (int)embedding.Value.shape[0];

    public IReadOnlyList<InputLabel> Labels => labels;

    // Labels get no gradient, so that they stay.
    public Tensor Vectors(ForwardContext context) =>
        embedding.Get(context).Plus(delta.Get(context) * reach.IsAbove(0.0).to(delta.Value.dtype));
}
