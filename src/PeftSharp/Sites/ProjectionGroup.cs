using PeftSharp.Quantization;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Sites;

/// <summary>Linear maps of one input whose weights lie beside each other in memory, so that one product serves them all.</summary>
/// <remarks>The maps stay separate sites: where a method replaces a weight or changes an input, they are computed one by one.</remarks>
public sealed class ProjectionGroup
{
    private readonly ProjectionSite[] _sites;
    private readonly Tensor? _weight, _bias;
    private readonly bool _half;
    private readonly WeightStore[] _stores;

    /// <summary>Lays the weights of the maps beside each other if all are dense, or all kept in bfloat16.</summary>
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
                var view = _weight.narrow(0, row, rows).DetachFromDisposeScope();
                site.Weight.Store(_half ? new HalfStore(view) : new DenseStore(view));
                row += rows;
            }
        }
        _stores = [.. sites.Select(s => s.Weight.Base)];
    }

    /// <summary>Applies the maps from <paramref name="first"/> on to one input, [rows, tokens, in]; one result per map.</summary>
    public Tensor[] Forward(Tensor x, ForwardContext context, int first = 0)
    {
        if (_weight is null || !IsPlain(context, first)) return [.. _sites.Skip(first).Select(s => s.Forward(x, context))];
        var start = _sites.Take(first).Sum(s => s.OutFeatures);
        var all = _weight.shape[0] - start;
        var weight = first == 0 ? _weight : _weight.narrow(0, start, all);
        var bias = first == 0 ? _bias! : _bias!.narrow(0, start, all);
        var product = _half
            ? nn.functional.linear(x.to(ScalarType.BFloat16), weight, bias.to(ScalarType.BFloat16)).to(ScalarType.Float32)
            : nn.functional.linear(x, weight, bias);                             // [rows, tokens, sum of widths]
        var results = new Tensor[_sites.Length - first];
        var column = 0L;
        for (var i = first; i < _sites.Length; i++)
        {
            var site = _sites[i];
            var part = product.narrow(-1, column, site.OutFeatures);
            results[i - first] = site.Finish(x, part, _stores[i], null, context, site.Plugins.AnyActive(context));
            column += site.OutFeatures;
        }
        return results;
    }

    private bool IsPlain(ForwardContext context, int first)
    {
        for (var i = first; i < _sites.Length; i++)
        {
            var site = _sites[i];
            if (site.Weight.IsMerged || site.Bias!.IsMerged || !ReferenceEquals(site.Weight.Base, _stores[i])) return false;
            if (!site.Weight.IsPlain(context) || !site.Bias.IsPlain(context) || site.ReadsProduct(context) || site.ChangesInput(context)) return false;
        }
        return true;
    }

    private static Tensor Raw(WeightStore store) => store is HalfStore half ? half.Weight : ((DenseStore)store).Weight;
}
