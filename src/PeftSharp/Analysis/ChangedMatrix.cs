using PeftSharp.Composition;
using PeftSharp.Methods;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Analysis;

/// <summary>A matrix that an adapter changes, by the method's own way of merging: any method that merges is covered.</summary>
internal sealed record ChangedMatrix(MatrixPlace Place, Slot Slot, Delta Delta)
{
    /// <summary>Every matrix that an adapter changes; deltas live until the enumerator moves on.</summary>
    public static IEnumerable<ChangedMatrix> Of(PeftModel model, PeftMethod adapter, ICollection<string>? refusals = null)
    {
        var sites = model.Model.Sites;
        foreach (var site in sites.Projections)
        {
            using var scope = NewDisposeScope();
            if (Find(sites, site.Weight, adapter, [.. Merger.Of(site.Plugins, adapter.Tag)], refusals) is { } delta)
                yield return new(
                    MatrixPlace.Of(site.Path, site.Role == ProjectionRole.Head ? MatrixGroup.Head : MatrixGroup.Maps), site.Weight, delta);
        }
        foreach (var site in sites.Embeddings)
        {
            using var scope = NewDisposeScope();
            if (Find(sites, site.Table, adapter, [.. Merger.Of(site.Plugins, adapter.Tag)], refusals) is { } delta)
                yield return new(MatrixPlace.Of(site.Path, MatrixGroup.Embeddings), site.Table, delta);
        }
    }

    /// <summary>What an adapter does to the matrix of one module, in the caller's scope; null if it leaves it alone.</summary>
    /// <exception cref="PeftException">It does something there that is no change of weights.</exception>
    public static Delta? DeltaAt(PeftModel model, PeftMethod adapter, string path)
    {
        var sites = model.Model.Sites;
        if (sites.Projections.FirstOrDefault(site => site.Path == path) is { } map)
            return Require(sites, map.Weight, adapter, [.. Merger.Of(map.Plugins, adapter.Tag)]);
        var table = sites.Embeddings.First(site => site.Path == path);
        return Require(sites, table.Table, adapter, [.. Merger.Of(table.Plugins, adapter.Tag)]);
    }

    private static Delta? Require(SiteMap sites, Slot slot, PeftMethod adapter, object[] plugins)
    {
        List<string> refusals = [];
        var found = Find(sites, slot, adapter, plugins, refusals);
        return refusals.Count == 0 ? found : throw new PeftException(refusals[0]);
    }

    private static Delta? Find(SiteMap sites, Slot slot, PeftMethod adapter, object[] plugins, ICollection<string>? refusals)
    {
        using var guard = no_grad();
        try
        {
            var context = new ForwardContext { Selection = AdapterSelection.Of(adapter.Tag) };
            if (plugins is [ILowRankMap map] && map.Factors(context) is { } factors && slot.Replaced(adapter.Tag) is null)
                return new FactoredDelta(factors.Left, factors.Right, factors.Scale);
            var merged = Merger.MergedValue(sites, slot, adapter.Tag, adapter.Options.PeftType);
            // A head of another width stands in for the base's and does not change it.
            return merged is not null && merged.shape.SequenceEqual(slot.Value.shape) ? new DenseDelta(merged - slot.Value) : null;
        }
        catch (PeftException e)
        {
            refusals?.Add(e.Message);
            return null;
        }
    }
}
