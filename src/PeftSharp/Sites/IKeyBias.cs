using static TorchSharp.torch;

namespace PeftSharp.Sites;

/// <summary>Numbers added to attention scores by where query and key stand (T5's relative positions).</summary>
internal interface IKeyBias
{
    /// <summary>What is added, [rows or 1, heads, queries, keys].</summary>
    /// <param name="queries">Queries a row: the last of the keys.</param>
    /// <param name="keys">Keys a row; those of a prefix come first, at the positions before the others.</param>
    /// <param name="context">The call.</param>
    Tensor Scores(long queries, long keys, ForwardContext context);
}
