using System.Text.Json.Serialization;

namespace PeftSharp.Methods;

/// <summary>Layer indices: on disk one number or a list.</summary>
[JsonConverter(typeof(LayersConverter))]
public sealed record Layers(IReadOnlyList<int> Indices, bool Single = false)
{
    /// <inheritdoc/>
    public override string ToString() => $"[{string.Join(", ", Indices)}]";
}
