using PeftSharp.Quantization;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Sites;

/// <summary>Linear maps of one input whose weights lie beside each other in memory, so that one product serves them all.</summary>
/// <remarks>The maps stay separate sites: where a method replaces a weight or changes an input, they are computed one by one.</remarks>
public sealed class ProjectionGroup : IDisposable
{
    private readonly ProjectionSite[] _sites;
    private readonly Tensor? _weight, _bias;
    private readonly bool _half;
    private readonly Nf4Product[] _quantized = []; // of the maps from 0, 1 … on
    private readonly WeightStore[] _stores;

    /// <summary>Lays the weights of the maps beside each other if all are dense, or all kept in bfloat16; NF4 weights are laid so as they are dequantised.</summary>
    /// <param name="sites">Maps of the same width of input, each with a bias; no adapter may be attached yet.</param>
    public ProjectionGroup(params ProjectionSite[] sites)
    {
        _sites = sites;
        _half = sites.All(s => s.Weight.Base is HalfStore);
        if (_half || sites.All(s => s.Weight.Base is DenseStore))
        {
            using var scope = NewDisposeScope();
            _weight = cat([.. sites.Select(s => Raw(s.Weight.Base))]).DetachFromDisposeScope();
            _bias = cat([.. sites.Select(s => s.Bias!.Base)]).DetachFromDisposeScope();
            var row = 0L;
            foreach (var site in sites)
            {
                var rows = site.OutFeatures;
                Raw(site.Weight.Base).Dispose();
                site.Bias!.Base.Dispose();
                var view = _weight.narrow(0, row, rows).DetachFromDisposeScope();
                site.Weight.Store(_half ? new HalfStore(view) : new DenseStore(view));
                site.Bias.Store(_bias.narrow(0, row, rows).DetachFromDisposeScope());
                row += rows;
            }
        }
        else if (sites.All(s => s.Weight.Base is Nf4Store))
        {
            _bias = cat([.. sites.Select(s => s.Bias!.Base)]).DetachFromDisposeScope();
            _quantized = [.. Enumerable.Range(0, sites.Length).Select(first => new Nf4Product([.. sites.Skip(first).Select(s => (Nf4Store)s.Weight.Base)]))];
        }
        _stores = [.. sites.Select(s => s.Weight.Base)];
    }

    /// <summary>Applies the maps from <paramref name="first"/> on to one input, [rows, tokens, in]; one result per map.</summary>
    public Tensor[] Forward(Tensor x, ForwardContext context, int first = 0)
    {
        var sites = _sites.AsSpan(first);
        if (Product(x, sites, first, context) is not { } product) return [.. _sites.Skip(first).Select(s => s.Forward(x, context))];
        var results = new Tensor[sites.Length];
        var column = 0L;
        for (var i = 0; i < sites.Length; i++)
        {
            var part = product.narrow(-1, column, sites[i].OutFeatures);
            results[i] = sites[i].Finish(x, part, _stores[first + i], null, context, sites[i].Plugins.AnyActive(context));
            column += sites[i].OutFeatures;
        }
        return results;
    }

    // [rows, tokens, sum of widths], or null where the maps have to be computed one by one.
    private Tensor? Product(Tensor x, ReadOnlySpan<ProjectionSite> sites, int first, ForwardContext context)
    {
        if (_bias is null || Joined(sites, first, context) is not { } joined) return null;
        var (weight, bias) = joined;
        if (weight is null) return _quantized[first].Linear(x, bias, x.dtype);
        return _half
            ? nn.functional.linear(x.to(ScalarType.BFloat16), weight, bias.to(ScalarType.BFloat16)).to(ScalarType.Float32)
            : nn.functional.linear(x, weight, bias);
    }

    // The weights (null: quantised ones) and biases in use as one of each. Replaced ones are joined on the fly, so that a trained copy gives the
    // same bits as the base; null where they cannot be joined, or a plug-in has to come before the product.
    private (Tensor? Weight, Tensor Bias)? Joined(ReadOnlySpan<ProjectionSite> sites, int first, ForwardContext context)
    {
        var (plainWeights, plainBiases) = (true, true);
        for (var i = 0; i < sites.Length; i++)
        {
            var site = sites[i];
            if (site.ReadsProduct(context) || site.ChangesInput(context)) return null;
            plainWeights &= ReferenceEquals(site.Weight.Base, _stores[first + i]) && site.Weight.IsPlain(context);
            plainBiases &= site.Bias!.IsPlain(context);
        }
        if (_quantized.Length > 0 && !plainWeights) return null;
        Tensor? Dense(ProjectionSite site)
        {
            var store = site.Weight.Get(context);
            var joins = _half ? store is HalfStore : store is DenseStore;
            return joins ? Raw(store) : null;
        }
        var weight = plainWeights ? From(_weight, first) : Join(sites, Dense, 2);
        var bias = plainBiases ? From(_bias, first) : Join(sites, s => s.Bias!.Get(context), 1);
        return bias is null || (weight is null && _quantized.Length == 0) ? null : (weight, bias);
    }

    private Tensor? From(Tensor? all, int first)
    {
        if (first == 0 || all is null) return all;
        var start = _sites.Take(first).Sum(s => s.OutFeatures);
        return all.narrow(0, start, all.shape[0] - start);
    }

    private static Tensor? Join(ReadOnlySpan<ProjectionSite> sites, Func<ProjectionSite, Tensor?> part, int dimensions)
    {
        var parts = new Tensor[sites.Length];
        for (var i = 0; i < sites.Length; i++)
        {
            if (part(sites[i]) is not { } tensor || tensor.dim() != dimensions) return null;
            parts[i] = tensor;
        }
        return cat(parts);
    }

    /// <summary>Releases what the maps share.</summary>
    public void Dispose()
    {
        _weight?.Dispose();
        _bias?.Dispose();
        foreach (var store in _stores) store.Dispose();
    }

    private static Tensor Raw(WeightStore store) => store is HalfStore half ? half.Weight : ((DenseStore)store).Weight;
}
