using static TorchSharp.torch;

namespace PeftSharp.Sites;

/// <summary>What a base tensor is to the model; methods choose slots by it.</summary>
public enum SlotKind
{
    /// <summary>The weight of a linear map.</summary>
    Weight,
    /// <summary>The bias of a linear map.</summary>
    Bias,
    /// <summary>The scale of a norm.</summary>
    NormWeight,
    /// <summary>The shift of a norm.</summary>
    NormBias,
    /// <summary>An embedding table.</summary>
    Embedding,
}
