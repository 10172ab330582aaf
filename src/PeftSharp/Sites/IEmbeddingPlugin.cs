using static TorchSharp.torch;

namespace PeftSharp.Sites;

/// <summary>A plug-in at an embedding table.</summary>
public interface IEmbeddingPlugin
{
    /// <summary>The vectors to use instead of <paramref name="vectors"/>.</summary>
    /// <param name="vectors">The table's rows for the ids, [rows, tokens, dim].</param>
    /// <param name="ids">Token ids, int64, [rows, tokens].</param>
    /// <param name="context">The call.</param>
    Tensor Transform(Tensor vectors, Tensor ids, ForwardContext context);
}
