using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Data;

/// <summary>What the lower part of a model, which no adapter changes, made of a batch's tokens.</summary>
/// <param name="Hidden">[rows, tokens, hidden], zeros at padding; [rows, 1, hidden] where the head has pooled already.</param>
/// <param name="Depth">Layers that are done; one more than the model has if the head's pooler is done too.</param>
/// <param name="Selection">The adapters for which it was made.</param>
public sealed record TrunkStates(Tensor Hidden, int Depth, AdapterSelection Selection)
{
    /// <summary>Refuses a call with other adapters: they may act in layers that are done.</summary>
    internal void Check(AdapterSelection selection)
    {
        if (!ReferenceEquals(selection, Selection) && (selection.IsPerRow || !selection.Adapters.SequenceEqual(Selection.Adapters)))
            throw new PeftException($"The cached trunk was made for {Names(Selection)}, but the call selects {Names(selection)}; build a cache for those.");
    }

    private static string Names(AdapterSelection selection) =>
        selection.Adapters.Count == 0 ? "no adapter" : string.Join(", ", selection.Adapters.Select(a => $"\"{a.Name}\""));
}
