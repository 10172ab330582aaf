using static TorchSharp.torch;

namespace PeftSharp.Sites;

/// <summary>A plug-in at a residual branch.</summary>
public interface IBranchPlugin
{
    /// <summary>
    /// The branch output to use instead of <paramref name="output"/>, before the residual is added; [rows, tokens, hidden].
    /// </summary>
    Tensor Transform(Tensor output, BranchState state, ForwardContext context);

    /// <summary>True if the result stands in for the sum and its norm as well: nothing is added to it.</summary>
    bool EndsBranch => false;
}
