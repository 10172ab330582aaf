namespace PeftSharp.Sites;

/// <summary>Where a site stands.</summary>
/// <param name="Path">The module's path in the Hugging Face model, for example <c>bert.encoder.layer.0.attention.self.query</c>.</param>
/// <param name="Layer">Index of the layer in its stack; -1 outside the layers.</param>
/// <param name="Stack">The stack.</param>
public sealed record SitePlace(string Path, int Layer = -1, LayerStack Stack = LayerStack.Encoder);
