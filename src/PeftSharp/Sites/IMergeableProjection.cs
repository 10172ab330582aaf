using static TorchSharp.torch;

namespace PeftSharp.Sites;

/// <summary>A plug-in whose effect can be written into the weight.</summary>
public interface IMergeableProjection : IProjectionPlugin
{
    /// <summary>The weight that does what <paramref name="weight"/> and the plug-in do together, [out, in].</summary>
    /// <param name="weight">The weight, [out, in].</param>
    /// <param name="context">A call in which the adapter alone acts: the plug-in reads its tensors through their slots, as a forward
    /// does.</param>
    Tensor MergedWeight(Tensor weight, ForwardContext context);

    /// <summary>The bias that goes with it, [out].</summary>
    Tensor? MergedBias(Tensor? bias, ForwardContext context) => bias;
}
