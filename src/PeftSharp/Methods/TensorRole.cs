using static TorchSharp.torch;

namespace PeftSharp.Methods;

/// <summary>What a tensor is to its adapter.</summary>
public enum TensorRole
{
    /// <summary>Trained, beside the base's weights.</summary>
    Trained,
    /// <summary>A trained copy that takes the place of one of the base's tensors, or of some of its entries.</summary>
    Copy,
    /// <summary>A trained copy of a module that peft lists under <c>modules_to_save</c>.</summary>
    SavedModule,
    /// <summary>Read by plug-ins and saved, but never trained: a random projection, say.</summary>
    Frozen,
}
