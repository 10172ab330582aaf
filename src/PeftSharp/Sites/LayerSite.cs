using static TorchSharp.torch;

namespace PeftSharp.Sites;

/// <summary>The output of a layer; layer -1 is the embedding output.</summary>
public sealed class LayerSite(SitePlace place, long width)
{
    /// <summary>Where it stands.</summary>
    public SitePlace Place { get; } = place;

    /// <summary>The layer module's path in the Hugging Face model.</summary>
    public string Path => Place.Path;

    /// <summary>Index of the layer; -1 for the embedding output.</summary>
    public int Layer => Place.Layer;

    /// <summary>Width of the hidden states.</summary>
    public long Width { get; } = width;

    /// <summary>The plug-ins here.</summary>
    public PluginList<ILayerPlugin> Plugins { get; } = new(place);

    /// <summary>Passes the layer's output through the active plug-ins, [rows, tokens, hidden].</summary>
    internal Tensor Forward(Tensor hidden, ForwardContext context) =>
        Plugins.Pass(hidden, context, static (share, own) => share.Plugin.Transform(own, share.Context));
}
