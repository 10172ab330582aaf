using static TorchSharp.torch;

namespace PeftSharp.Sites;

/// <summary>An embedding plug-in whose effect can be written into the table.</summary>
public interface IMergeableEmbedding : IEmbeddingPlugin
{
    /// <summary>The table that does what <paramref name="table"/> and the plug-in do together, [vocabulary, dim].</summary>
    /// <param name="table">The table, [vocabulary, dim].</param>
    /// <param name="context">A call in which the adapter alone acts: the plug-in reads its tensors through their slots, as a forward
    /// does.</param>
    Tensor MergedTable(Tensor table, ForwardContext context);
}
