namespace PeftSharp.Sites;

/// <summary>An adapter's part in a composition.</summary>
/// <param name="Adapter">The adapter.</param>
/// <param name="Weight">With what weight it adds.</param>
/// <param name="Scope">
/// What its plug-ins see of the selection: the part of an average, fusion or split that it stands in; null for the whole.
/// </param>
/// <param name="Whole">The fusion or split that it stands in, which seams of residual branches alone can compute; null for none.</param>
internal readonly record struct SelectionLeaf(AdapterTag Adapter, double Weight, AdapterSelection? Scope, AdapterComposition? Whole);
