using PeftSharp.Interop;
using PeftSharp.Methods.Layouts;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Additive.Reft;

/// <summary>Representation fine-tuning: states of chosen tokens are changed behind layers, in a subspace of low rank.</summary>
internal sealed class ReftMethod(string name, ReftOptions options) : PeftMethod(name)
{
    /// <summary>What the registry says of it.</summary>
    public static MethodInfo Info { get; } = new()
    {
        Name = "loreft",
        Aliases = ["reft"],
        Family = MethodFamily.Additive,
        PeftType = "REFT",
        Paper = "Wu et al. 2024, arXiv 2404.03592",
        Sites = "layers",
        Summary = "States of the first and last tokens are changed behind layers, in a learned subspace.",
        Formula = "h' = h + Rᵀ·(f(W·h + b) − R·h) at chosen tokens, W, b and R [r, width] trained, the rows of R orthonormal; "
            + "NoReFT: R free; DiReFT: h' = h + Rᵀ·f(W·h + b)",
        OptionsType = typeof(ReftOptions),
        Layouts = [new ReftAdapterHub(), PeftLayout.Plain],
        Presets = new Dictionary<string, Func<MethodOptions>>
        {
            ["noreft"] = () => new ReftOptions { Orthogonal = false },
            ["direft"] = () => new ReftOptions { Orthogonal = false, SubtractProjection = false },
        },
    };

    /// <inheritdoc/>
    public override MethodOptions Options => options;

    /// <inheritdoc/>
    protected override void OnAttach(MethodHost host)
    {
        if (host.Sites.Inputs.Count > 1)
            throw new PeftException(
                "REFT: the model has an encoder and a decoder, whose tokens it does not tell apart yet; take lora or a "
                + "bottleneck adapter.");
        if (options.Rank > host.Width)
            throw new PeftException($"REFT: \"r\" is {options.Rank}; expected at most the model's width, {host.Width}.");
        var layers = host.Sites.Layers.Where(l => l.Layer >= 0).ToList();
        foreach (var index in options.Layers?.Indices ?? [])
            if (layers.All(l => l.Layer != index))
                throw new PeftException($"REFT: \"layers\" names layer {index}; the model has layers 0 to {layers.Count - 1}.");
        foreach (var site in layers.Where(l => options.Layers?.Indices.Contains(l.Layer) != false)) Adapt(site);
        TrainModules(options.ModulesToSave);
        // Which tokens are the last ones shows in all of them.
        if (options.SuffixPositions > 0) Tag.NeedAllTokens();
    }

    private void Adapt(LayerSite site)
    {
        var first = Unit(site, 0);
        Plug<ILayerPlugin>(
            site.Plugins,
            new ReftLayer(options.PrefixPositions, options.SuffixPositions, first, options.TiedWeights ? first : Unit(site, 1)));
    }

    // AdapterHub's files have both pairs of tensors, those that act on no token too: these are kept as they are.
    private AdapterTensor Part(int index, string path, string local, long[] shape, Func<Tensor> start, bool decay = true)
    {
        var acts = options.TiedWeights || (index == 0 ? options.PrefixPositions : options.SuffixPositions) > 0;
        return acts ? Add(path, local, shape, start, decay) : AddFrozen(path, local, shape, start);
    }

    private ReftUnit Unit(LayerSite site, int index)
    {
        var (path, unit, rank, width) = ($"{site.Path}.reft_layer", $"units.{index}", options.Rank, Host.Width);
        var source = Part(
            index, path, $"{unit}.learned_source.weight", [rank, width], () =>
                Initial.KaimingUniform([rank, width], SeedOf($"{path}.{unit}.source")));
        var bias = Part(
            index, path, $"{unit}.learned_source.bias", [rank], () =>
                Initial.Uniform([rank], 1 / Math.Sqrt(width), SeedOf($"{path}.{unit}.bias")), decay: false);
        return new(source, bias, Projection(index, path, $"{unit}.projection"), options);
    }

    private IReftProjection Projection(int index, string path, string local)
    {
        long[] shape = [options.Rank, Host.Width];
        Tensor Start() => Initial.KaimingUniform(shape, SeedOf($"{path}.{local}"));
        if (!options.Orthogonal) return new FreeProjection(Part(index, path, $"{local}.weight", shape, Start));
        // Its diagonal is a sign and is not trained: decay would wear it away.
        var original = Part(index, path, $"{local}.parametrizations.weight.original", shape, () =>
            eye(shape[0], shape[1]).Times(-1.0), decay: false);
        var frame = AddFrozen(path, $"{local}.parametrizations.weight.0.base", [shape[1], shape[1]], () =>
            OrthogonalProjection.Frame(Start()));
        return new OrthogonalProjection(original, frame);
    }
}
