using static TorchSharp.torch;

namespace PeftSharp.Sites;

/// <summary>An attention over what several plug-ins at a residual branch add.</summary>
public interface IBranchFusion
{
    /// <summary>The branch's output, [rows, tokens, hidden].</summary>
    /// <param name="input">What the last of the plug-ins reads.</param>
    /// <param name="added">What each plug-in adds, [rows, tokens, hidden], in the fusion's order.</param>
    /// <param name="context">The call.</param>
    Tensor Fuse(FusionInput input, IReadOnlyList<Tensor> added, ForwardContext context);
}
