using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Additive.Bottleneck;

/// <summary>The coupling behind the words.</summary>
internal sealed class InvertibleWords(Coupling coupling) : IEmbeddingPlugin
{
    public Tensor Transform(Tensor vectors, Tensor ids, ForwardContext context) => coupling.Forward(vectors, context);
}
