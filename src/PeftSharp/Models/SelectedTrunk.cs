using PeftSharp.Data;
using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Models;

/// <summary>A trunk with the adapters for which it was made.</summary>
/// <param name="Hidden">As in <see cref="TrunkStates"/>.</param>
/// <param name="Depth">As in <see cref="TrunkStates"/>.</param>
/// <param name="Selection">The adapters.</param>
internal sealed record SelectedTrunk(Tensor Hidden, int Depth, AdapterSelection Selection) : TrunkStates(Hidden, Depth)
{
    /// <summary>Refuses a call with other adapters than a batch's trunk was made for: they may act in layers that are done.</summary>
    public static void Check(TokenBatch batch, AdapterSelection selection)
    {
        if (batch.Trunk is not SelectedTrunk trunk || ReferenceEquals(selection, trunk.Selection)) return;
        if (!selection.IsSame(trunk.Selection))
        {
            throw new PeftException(
                $"The cached trunk was made for {Names(trunk.Selection)}, but the call selects {Names(selection)}; build a cache "
                + "for those.");
        }
    }

    private static string Names(AdapterSelection selection) =>
        selection.Adapters.Count == 0
            ? "no adapter"
            : string.Join(", ", selection.Adapters.Select(a => $"\"{a.Name}\""))
                + (selection.Drop is null ? "" : " with a rule for layers");
}
