using PeftSharp.Composition;
using PeftSharp.Interop;
using PeftSharp.Methods;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Analysis;

/// <summary>Something that an adapter does that is no change of weights, in the numbers that it does have.</summary>
/// <param name="Path">Where.</param>
/// <param name="What">What it is.</param>
/// <param name="Numbers">Named numbers.</param>
public sealed record EffectReport(string Path, string What, IReadOnlyList<KeyValuePair<string, double>> Numbers)
{
    /// <summary>
    /// Spectrum of a bottleneck's two factors multiplied, its activation left out: a linear stand-in, not a change of weights. Null
    /// elsewhere.
    /// </summary>
    public Spectrum? LinearMap { get; init; }

    internal static EffectReport Refused(string message) => new("", message, []);

    internal static IEnumerable<EffectReport> Of(PeftModel model, PeftMethod adapter)
    {
        var context = new ForwardContext { Selection = AdapterSelection.Of(adapter.Tag) };
        try
        {
            var sites = model.Model.Sites;
            foreach (var site in sites.Inputs)
                foreach (var plugin in Merger.Of(site.Plugins, adapter.Tag))
                    yield return Vectors(site, plugin, sites.Embeddings[0], context);
            foreach (var site in sites.Attentions)
                foreach (var plugin in Merger.Of(site.Plugins, adapter.Tag))
                    yield return Attention(site, plugin, model.Model.Width, model.Model.Device, context);
            foreach (var site in sites.Branches)
                foreach (var plugin in Merger.Of(site.Plugins, adapter.Tag)) yield return Branch(site, plugin, adapter, context);
            foreach (var site in sites.Layers)
                foreach (var _ in Merger.Of(site.Plugins, adapter.Tag))
                    yield return new(site.Path, "changes the layer's output", Tensors(adapter, site.Path));
        }
        finally
        {
            context.Release();
        }
    }

    private static EffectReport Vectors(InputSite site, IInputPlugin plugin, EmbeddingSite words, ForwardContext context)
    {
        using var scope = NewDisposeScope();
        return new(site.Path, $"{plugin.Length} vectors before the sequence",
            [
                new("mean norm of a vector", MeanNorm(plugin.Vectors(context))),
                new("mean norm of a word's vector", MeanNorm(words.Table.Base)),
            ]);
    }

    private static EffectReport Attention(AttentionSite site, IAttentionPlugin plugin, int width, Device device, ForwardContext context)
    {
        if (plugin is not IAttentionPrefix prefix) return new(site.Path, "adds to the attention's result", []);
        using var scope = NewDisposeScope();
        var nothing = new AttentionState(
            zeros([1, 1, width], device: device), zeros([1, site.Heads, 1, site.HeadDim], device: device), site);
        var (keys, values) = prefix.KeysAndValues(nothing, context);             // [1, heads, length, headDim]
        return new(site.Path, $"{prefix.Length} keys and values before the tokens' own (a gate, where there is one, as for an empty input)",
            [
                new("mean norm of a key", MeanNorm(keys.transpose(1, 2).flatten(2))),
                new("mean norm of a value", MeanNorm(values.transpose(1, 2).flatten(2))),
            ]);
    }

    private static EffectReport Branch(BranchSite site, IBranchPlugin plugin, PeftMethod adapter, ForwardContext context)
    {
        if ((plugin as ILowRankMap)?.Factors(context) is not { } factors)
            return new(site.Path, "changes a residual branch, depending on the input", Tensors(adapter, site.Path));
        using var scope = NewDisposeScope();
        var map = new Spectrum(new FactoredDelta(factors.Left, factors.Right, factors.Scale).SingularValues());
        return new(site.Path, "up · down of a bottleneck without its activation: a linear stand-in, not a ΔW",
            [
                new("‖up·down‖", map.Norm), new("largest singular value", map.Largest), new("stable rank", map.StableRank),
                new("width of the bottleneck", factors.Left.shape[1]),
            ])
        { LinearMap = map };
    }

    private static List<KeyValuePair<string, double>> Tensors(PeftMethod adapter, string path) =>
        [.. adapter.Tensors.Where(t => t.Path == path).Select(t => KeyValuePair.Create($"‖{t.Local}‖", RoundingError.Norm(t.Value)))];

    // Of the last dimension.
    private static double MeanNorm(Tensor vectors) => vectors.to(ScalarType.Float64).Squared().sum(-1).sqrt().mean().item<double>();
}
