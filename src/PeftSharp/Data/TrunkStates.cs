using static TorchSharp.torch;

namespace PeftSharp.Data;

/// <summary>What the lower part of a model, which no adapter changes, made of a batch's tokens.</summary>
/// <param name="Hidden">[rows, tokens, hidden], zeros at padding; [rows, 1, hidden] where the head has pooled already.</param>
/// <param name="Depth">Layers that are done; one more than the model has if the head's pooler is done too.</param>
internal abstract record TrunkStates(Tensor Hidden, int Depth);
