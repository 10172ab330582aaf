using static TorchSharp.torch;

namespace PeftSharp.Sites;

/// <summary>A plug-in at a residual branch of which a fusion can take what it adds.</summary>
public interface IFusibleBranch : IBranchPlugin
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

/// <summary>What a fusion works on.</summary>
/// <param name="BeforeNorm">The branch's output, before the model's norm; a parallel adapter has the residual stream here.</param>
/// <param name="Read">What the adapters read.</param>
/// <param name="Residual">What their result is added to.</param>
public readonly record struct FusionInput(Tensor BeforeNorm, Tensor Read, Tensor Residual);

/// <summary>An attention over what several plug-ins at a residual branch add.</summary>
public interface IBranchFusion
{
    /// <summary>The branch's output, [rows, tokens, hidden].</summary>
    /// <param name="input">What the last of the plug-ins reads.</param>
    /// <param name="added">What each plug-in adds, [rows, tokens, hidden], in the fusion's order.</param>
    /// <param name="context">The call.</param>
    Tensor Fuse(FusionInput input, IReadOnlyList<Tensor> added, ForwardContext context);
}
