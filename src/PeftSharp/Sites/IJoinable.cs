using static TorchSharp.torch;

namespace PeftSharp.Sites;

/// <summary>A plug-in that can be computed at once for rows of which each has an adapter of its own.</summary>
internal interface IJoinable
{
    /// <summary>
    /// What plug-ins that are computed at once have in common, compared by value; null if this one has to be computed by itself.
    /// </summary>
    /// <param name="context">The call for the rows of its adapter.</param>
    object? JoinKey(ForwardContext context);
}

/// <summary>An addition to a linear map's output that can be computed at once for rows of several adapters.</summary>
internal interface IJoinableDelta : IProjectionDelta, IJoinable
{
    /// <summary>What to add to W·x, [rows, tokens, out], or [rows, out] for such an input.</summary>
    /// <param name="x">The input of the joined rows, [rows, tokens, in] or [rows, in].</param>
    /// <param name="rows">Which plug-in acts on which of them.</param>
    Tensor Delta(Tensor x, JoinedRows rows);
}

/// <summary>A plug-in at a residual branch that can be computed at once for rows of several adapters.</summary>
internal interface IJoinableBranch : IBranchPlugin, IJoinable
{
    /// <summary>The branch output to use instead of <paramref name="output"/>, [rows, tokens, hidden].</summary>
    /// <param name="output">What the branch computed for the joined rows.</param>
    /// <param name="state">What it read for them.</param>
    /// <param name="rows">Which plug-in acts on which of them.</param>
    Tensor Transform(Tensor output, BranchState state, JoinedRows rows);
}
