namespace PeftSharp.Sites;

/// <summary>A stack of layers.</summary>
public enum LayerStack
{
    /// <summary>The only one of a model, or the encoder of two.</summary>
    Encoder,
    /// <summary>The decoder: the only one of a model that generates, or the second of two.</summary>
    Decoder,
}

/// <summary>Where a site stands.</summary>
/// <param name="Path">The module's path in the Hugging Face model, for example <c>bert.encoder.layer.0.attention.self.query</c>.</param>
/// <param name="Layer">Index of the layer in its stack; -1 outside the layers.</param>
/// <param name="Stack">The stack.</param>
public sealed record SitePlace(string Path, int Layer = -1, LayerStack Stack = LayerStack.Encoder);
