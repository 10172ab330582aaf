using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Sites;

/// <summary>Adds keys and values that every token may attend to.</summary>
public interface IAttentionPrefix : IAttentionPlugin
{
    /// <summary>Number of added keys.</summary>
    int Length { get; }

    /// <summary>By how much the positions of the real tokens move (peft moves them by the prefix length, AdapterHub does not).</summary>
    int PositionShift { get; }

    /// <summary>Keys and values, each [rows or 1, keyHeads, length, headDim].</summary>
    (Tensor Keys, Tensor Values) KeysAndValues(AttentionState state, ForwardContext context);
}
