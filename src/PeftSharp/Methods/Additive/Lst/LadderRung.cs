using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Additive.Lst;

/// <summary>The side network at one layer: it reads the layer's output, which goes on unchanged, and behind the last layer takes its
/// place.</summary>
/// <param name="ladder">The network.</param>
/// <param name="step">What it does here; null for nothing.</param>
/// <param name="isLast">True behind the last layer whose output is answered from.</param>
internal sealed class LadderRung(Ladder ladder, LadderStep? step, bool isLast) : ILayerPlugin
{
    public Tensor Transform(Tensor hidden, ForwardContext context)
    {
        if (step is not null) ladder.Take(step, hidden, context);
        return isLast ? ladder.Widened(hidden, context) : hidden;
    }
}
