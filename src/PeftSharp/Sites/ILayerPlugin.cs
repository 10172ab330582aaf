using static TorchSharp.torch;

namespace PeftSharp.Sites;

/// <summary>A plug-in at a layer's output.</summary>
public interface ILayerPlugin
{
    /// <summary>The hidden states to pass on instead of <paramref name="hidden"/>, [rows, tokens, hidden].</summary>
    Tensor Transform(Tensor hidden, ForwardContext context);
}
