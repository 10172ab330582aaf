using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Additive.Bottleneck;

/// <summary>The coupling behind the embeddings.</summary>
internal sealed class InvertibleEntry(Coupling coupling) : ILayerPlugin
{
    public Tensor Transform(Tensor hidden, ForwardContext context) => coupling.Forward(hidden, context);
}
