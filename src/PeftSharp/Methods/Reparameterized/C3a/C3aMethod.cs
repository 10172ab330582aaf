using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Reparameterized.C3a;

/// <summary>C3A: the change of a weight is made of circulant blocks, that is, the input is convolved with trained kernels.</summary>
internal sealed class C3aMethod(string name, C3aOptions options) : MapMethod<C3aOptions>(name, options)
{
    private readonly PathPatterns _patterns = new("C3A");

    /// <summary>What the registry says of it.</summary>
    public static MethodInfo Info { get; } = new()
    {
        Name = "c3a",
        Family = MethodFamily.Reparameterized,
        PeftType = "C3A",
        Paper = "Chen et al. 2024, arXiv 2407.19342",
        Sites = "projections",
        Summary = "The change of a weight is made of circulant blocks, each given by one row: of full rank with few numbers; merges.",
        Formula = "y = W·x + b + ΔW·x / in, ΔW of blocks C with C[k, j] = w[(j − k) mod block_size]",
        OptionsType = typeof(C3aOptions),
        Mergeable = true,
    };

    /// <inheritdoc/>
    protected override void Adapt(ProjectionSite site)
    {
        var size = _patterns.Choose("block_size_pattern", Settings.BlockSizePattern, site.Path, Settings.BlockSize);
        if (site.InFeatures % size != 0 || site.OutFeatures % size != 0)
            throw new PeftException(
                $"C3A: \"block_size\" is {size}, which does not divide both widths of {site.Path}, {site.InFeatures} and "
                + $"{site.OutFeatures}; give a divisor "
                + "of the widths of all maps, or the map's own size in \"block_size_pattern\".");
        long[] shape = [site.OutFeatures / size, site.InFeatures / size, size];
        var kernel = Add(site.Path, "c3a_kernel", shape, () =>
            Settings.Start(shape, site.InFeatures, site.OutFeatures, SeedOf($"{site.Path}.c3a_kernel")));
        var places = tensor(C3aChange.Places(size), ScalarType.Int64, device: Host.Device).DetachFromDisposeScope();
        OnDetach(places.Dispose);
        Plug<IProjectionPlugin>(site.Plugins, new C3aChange(kernel, places));
    }
}
