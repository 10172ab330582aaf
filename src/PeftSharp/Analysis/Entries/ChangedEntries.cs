using PeftSharp.Composition;
using PeftSharp.Methods;
using PeftSharp.Methods.Partial;
using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Analysis.Entries;

/// <summary>Which single weights an adapter changes.</summary>
public static class ChangedEntries
{
    /// <summary>
    /// Every base tensor of which the adapter may change single entries, in the order of the model, those with no change included; empty
    /// for an adapter that changes tensors as wholes. A union's parts are looked at together.
    /// </summary>
    /// <param name="model">The base with the adapter.</param>
    /// <param name="adapter">The adapter; of a learned mask the entries that it switches off are told.</param>
    public static IReadOnlyList<ChangedTensor> Of(PeftModel model, PeftMethod adapter)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        var sites = model.Model.Sites;
        return [.. Parts(adapter).SelectMany(part => part.ChangedEntries()).Select(e => Describe(sites, e.Slot, e.Positions))];
    }

    private static IEnumerable<IChangesEntries> Parts(PeftMethod adapter) => adapter switch
    {
        IChangesEntries sparse => [sparse],
        CompositeMethod whole => whole.Parts.SelectMany(Parts),
        _ => [],
    };

    private static ChangedTensor Describe(SiteMap sites, Slot slot, long[] positions)
    {
        var region = sites.RegionOf(slot.Module);
        var isInside = slot.Module.StartsWith($"{region}.", StringComparison.Ordinal);
        return new(slot.Name, region, isInside ? slot.Module[(region.Length + 1)..] : slot.Module, slot.Count, positions);
    }

    /// <summary>The same by place: the tensors of one module (a weight and its bias) together.</summary>
    public static IReadOnlyList<ChangedPlace> ByPlace(IReadOnlyList<ChangedTensor> tensors) =>
        [
            .. tensors.GroupBy(t => (t.Region, t.Module))
                .Select(g => new ChangedPlace(g.Key.Region, g.Key.Module, g.Sum(t => (long)t.Positions.Count), g.Sum(t => t.Count))),
        ];
}
