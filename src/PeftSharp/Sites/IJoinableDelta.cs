using static TorchSharp.torch;

namespace PeftSharp.Sites;

/// <summary>An addition to a linear map's output that can be computed at once for rows of several adapters.</summary>
internal interface IJoinableDelta : IProjectionDelta, IJoinable
{
    /// <summary>What to add to W·x, [rows, tokens, out], or [rows, out] for such an input.</summary>
    /// <param name="x">The input of the joined rows, [rows, tokens, in] or [rows, in].</param>
    /// <param name="rows">Which plug-in acts on which of them.</param>
    Tensor Delta(Tensor x, JoinedRows rows);
}
