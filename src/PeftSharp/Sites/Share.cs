using PeftSharp.Interop;
using static TorchSharp.torch;

namespace PeftSharp.Sites;

/// <summary>A plug-in's part in a call.</summary>
/// <param name="Plugin">The plug-in.</param>
/// <param name="Rows">Index (int64) of the rows that it acts on; null for all.</param>
/// <param name="Context">The call as the plug-in sees it: for those rows alone.</param>
/// <param name="Weight">With what weight it adds.</param>
/// <param name="Part">Index of its part in the selection: plug-ins of one part act on the same rows.</param>
internal readonly record struct Share<T>(T Plugin, Tensor? Rows, ForwardContext Context, double Weight, int Part)
{
    /// <summary>What the plug-in adds, as much as it counts.</summary>
    public Tensor Weighed(Tensor added) => Weight == 1 ? added : added.Times(Weight);
}
