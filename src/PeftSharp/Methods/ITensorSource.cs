using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods;

/// <summary>Where a plug-in reads a tensor: one of the adapter's own, or what some of them make together.</summary>
internal interface ITensorSource
{
    /// <summary>A name that is the source's own in its adapter.</summary>
    string Name { get; }

    /// <summary>The value in this call.</summary>
    Tensor Get(ForwardContext context);
}
