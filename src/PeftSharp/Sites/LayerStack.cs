namespace PeftSharp.Sites;

/// <summary>A stack of layers.</summary>
public enum LayerStack
{
    /// <summary>The only one of a model, or the encoder of two.</summary>
    Encoder,
    /// <summary>The decoder: the only one of a model that generates, or the second of two.</summary>
    Decoder,
}
