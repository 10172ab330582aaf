using static TorchSharp.torch;

namespace PeftSharp.Sites;

/// <summary>A plug-in at a residual branch that can be computed at once for rows of several adapters.</summary>
internal interface IJoinableBranch : IBranchPlugin, IJoinable
{
    /// <summary>The branch output to use instead of <paramref name="output"/>, [rows, tokens, hidden].</summary>
    /// <param name="output">What the branch computed for the joined rows.</param>
    /// <param name="state">What it read for them.</param>
    /// <param name="rows">Which plug-in acts on which of them.</param>
    Tensor Transform(Tensor output, BranchState state, JoinedRows rows);
}
