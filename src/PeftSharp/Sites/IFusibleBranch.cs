using static TorchSharp.torch;

namespace PeftSharp.Sites;

/// <summary>A plug-in at a residual branch of which a fusion can take what it adds.</summary>
internal interface IFusibleBranch : IBranchPlugin
{
    /// <summary>What the plug-in would read, and what its result would be added to.</summary>
    /// <param name="output">The branch's output, [rows, tokens, hidden].</param>
    /// <param name="state">What the branch read.</param>
    /// <param name="context">The call.</param>
    FusionInput Enter(Tensor output, BranchState state, ForwardContext context);

    /// <summary>What the plug-in adds, [rows, tokens, hidden]: scaled, without its residual, dropout, gate and norm.</summary>
    /// <param name="x">What it reads, [rows, tokens, hidden].</param>
    /// <param name="context">The call.</param>
    Tensor Added(Tensor x, ForwardContext context);
}
