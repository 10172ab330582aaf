namespace PeftSharp.Models.Blocks;

/// <summary>What an encoder calls the parts of its embeddings, relative to <c>embeddings</c>; null for what it has not.</summary>
internal sealed record EmbeddingNames
{
    /// <summary>The word table.</summary>
    public string Words { get; init; } = "word_embeddings";

    /// <summary>The position table.</summary>
    public string? Positions { get; init; } = "position_embeddings";

    /// <summary>The norm over the sum.</summary>
    public string Norm { get; init; } = "LayerNorm";

    /// <summary>True (default) if that norm has a shift.</summary>
    public bool NormHasBias { get; init; } = true;

    /// <summary>The map from the tables' width to that of the residual stream, relative to the base model.</summary>
    public string? Projection { get; init; }
}
