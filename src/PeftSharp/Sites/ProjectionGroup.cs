using PeftSharp.Interop;
using PeftSharp.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Sites;

/// <summary>Linear maps of one input whose weights lie beside each other in memory, so that one product serves them all.</summary>
/// <remarks>The maps stay separate sites: where a method replaces a weight or changes an input, they are computed one by one.</remarks>
internal sealed class ProjectionGroup : IDisposable
{
    private readonly ProjectionSite[] _sites;
    private readonly WeightJoin? _join;
    private readonly WeightStore[] _stores;
    private readonly Tensor? _bias; // [sum of widths]; null where the maps have none

    /// <summary>Lays the weights of the maps beside each other if all are kept in one form.</summary>
    /// <param name="sites">Maps of the same width of input, all with a bias or all without; no adapter may be attached yet.</param>
    public ProjectionGroup(params ProjectionSite[] sites)
    {
        _sites = sites;
        var alike = sites.All(s => s.Bias is null) || sites.All(s => s.Bias is not null);
        _join = alike ? WeightJoin.Of([.. sites.Select(s => s.Weight.Base)]) : null;
        if (_join is not null)
        {
            for (var i = 0; i < sites.Length; i++) sites[i].Weight.Store(_join.Parts[i]);
            _bias = JoinBiases();
        }
        _stores = [.. sites.Select(s => s.Weight.Base)];
    }

    /// <summary>Weights of the maps together.</summary>
    internal long Count => _sites.Sum(site => site.Weight.Count);

    /// <summary>Applies the maps from <paramref name="first"/> on to one input, [rows, tokens, in]; one result per map.</summary>
    public Tensor[] Forward(Tensor x, ForwardContext context, int first = 0)
    {
        var sites = _sites.AsSpan(first);
        if (Product(x, sites, first, context) is not { } product) return [.. _sites.Skip(first).Select(s => s.Forward(x, context))];
        var results = new Tensor[sites.Length];
        // Split at once: the gradients of the parts are then put beside each other, not added to as many tensors of zeros.
        var parts = product.split(Widths(sites), -1);
        for (var i = 0; i < sites.Length; i++)
        {
            // A plug-in may read the weight, which another part of its adapter may have replaced.
            var active = sites[i].Plugins.AnyActive(context);
            var weight = active ? sites[i].Weight.Get(context) : _stores[first + i];
            results[i] = sites[i].Finish(x, parts[i], weight, null, context, active);
        }
        return results;
    }

    private static long[] Widths(ReadOnlySpan<ProjectionSite> sites)
    {
        var widths = new long[sites.Length];
        for (var i = 0; i < sites.Length; i++) widths[i] = sites[i].OutFeatures;
        return widths;
    }

    private Tensor? JoinBiases()
    {
        if (_sites[0].Bias is null) return null;
        using var scope = NewDisposeScope();
        var joined = cat([.. _sites.Select(s => s.Bias!.Base)]).DetachFromDisposeScope();
        if (_join is PackedJoin) return joined;
        var row = 0L;
        foreach (var site in _sites)
        {
            site.Bias!.Base.Dispose();
            site.Bias.Store(joined.narrow(0, row, site.OutFeatures).DetachFromDisposeScope());
            row += site.OutFeatures;
        }
        return joined;
    }

    // [rows, tokens, sum of widths], or null where the maps have to be computed one by one. Replaced weights and biases are joined on the
    // fly, so that a trained copy gives the same bits as the base; null where they cannot be joined, or a plug-in has to come before the
    // product.
    private Tensor? Product(Tensor x, ReadOnlySpan<ProjectionSite> sites, int first, ForwardContext context)
    {
        if (_join is null) return null;
        var (plainWeights, plainBiases) = (true, true);
        for (var i = 0; i < sites.Length; i++)
        {
            var site = sites[i];
            if (site.ReadsProduct(context) || site.ChangesInput(context)) return null;
            plainWeights &= ReferenceEquals(site.Weight.Base, _stores[first + i]) && site.Weight.IsPlain(context);
            plainBiases &= site.Bias is null || site.Bias.IsPlain(context);
        }
        var bias = plainBiases ? BiasFrom(first) : BiasesInUse(sites, context);
        if (bias is null && _bias is not null) return null;
        if (!plainWeights) return _join.Linear(x, bias, WeightsInUse(sites, context));
        if (context.Cache is null || FewRows.Try(_stores.AsSpan(first), x) is not { } few) return _join.Linear(x, bias, first);
        return bias is null ? few : few.Plus(bias);
    }

    private Tensor? BiasFrom(int first)
    {
        if (first == 0 || _bias is null) return _bias;
        var start = _sites.Take(first).Sum(s => s.OutFeatures);
        return _bias.narrow(0, start, _bias.shape[0] - start);
    }

    private static Tensor? BiasesInUse(ReadOnlySpan<ProjectionSite> sites, ForwardContext context)
    {
        var parts = new Tensor[sites.Length];
        for (var i = 0; i < sites.Length; i++)
        {
            parts[i] = sites[i].Bias!.Get(context);
            if (parts[i].dim() != 1) return null; // one for each row
        }
        return cat(parts);
    }

    private static WeightStore[] WeightsInUse(ReadOnlySpan<ProjectionSite> sites, ForwardContext context)
    {
        var stores = new WeightStore[sites.Length];
        for (var i = 0; i < sites.Length; i++) stores[i] = sites[i].Weight.Get(context);
        return stores;
    }

    /// <summary>Releases what the maps share.</summary>
    public void Dispose()
    {
        _join?.Dispose();
        _bias?.Dispose();
        foreach (var store in _stores) store.Dispose();
    }
}
