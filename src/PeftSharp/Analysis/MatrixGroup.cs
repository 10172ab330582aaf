using PeftSharp.Composition;

namespace PeftSharp.Analysis;

/// <summary>What a matrix belongs to.</summary>
public enum MatrixGroup
{
    /// <summary>A linear map of the base model: its layers' and its pooler.</summary>
    Maps,
    /// <summary>An embedding table.</summary>
    Embeddings,
    /// <summary>The task's head.</summary>
    Head,
}
