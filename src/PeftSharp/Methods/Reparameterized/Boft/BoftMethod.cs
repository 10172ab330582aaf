using PeftSharp.Interop;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Reparameterized.Boft;

/// <summary>BOFT: weights are multiplied by products of sparse orthogonal factors, and their rows by numbers.</summary>
internal sealed class BoftMethod(string name, BoftOptions options) : MapMethod<BoftOptions>(name, options)
{
    /// <summary>What the registry says of it.</summary>
    public static MethodInfo Info { get; } = new()
    {
        Name = "boft",
        Family = MethodFamily.Reparameterized,
        PeftType = "BOFT",
        Paper = "Liu et al. 2024, arXiv 2311.06243",
        Sites = "projections",
        Summary = "Weights are multiplied by orthogonal matrices made of butterfly factors, and their rows by factors; merges.",
        Formula = "y = s ⊙ (W·Rᵀ·x) + b, R = Fₙ·…·F₁, F = P·D·Pᵀ, D block-diagonal with blocks (I − Q)·(I + Q)⁻¹, Q skew-symmetric, P "
            + "a permutation",
        OptionsType = typeof(BoftOptions),
        NeutralStart = true,
        Mergeable = true,
    };

    /// <inheritdoc/>
    protected override void Adapt(ProjectionSite site)
    {
        var (blocks, size) = Sizes(site);
        long[] shape = [Settings.Factors, blocks, size, size];
        var turns = Add(site.Path, "boft_R", shape, () =>
            Settings.InitWeights ? zeros(shape) : Initial.Normal(shape, 0.1, SeedOf($"{site.Path}.boft_R")));
        var factors = Add(site.Path, "boft_s", [site.OutFeatures, 1], () => Settings.InitWeights
            ? ones(site.OutFeatures, 1) : Initial.Normal([site.OutFeatures, 1], 0.1, SeedOf($"{site.Path}.boft_s")).Plus(1L));
        var orders = Settings.Factors == 1 ? null : Enumerable.Range(0, Settings.Factors).Select(factor =>
        {
            var order = Butterfly.Order(site.InFeatures, blocks, size, factor, Settings.Factors);
            return (Index(order), Index(Butterfly.Inverse(order)));
        }).ToList();
        Plug<IProjectionPlugin>(site.Plugins, new BoftTurn(turns, orders, Settings.Dropout));
        Plug<IProjectionPlugin>(site.Plugins, new OutputScale(factors));
    }

    private Tensor Index(long[] order)
    {
        var index = tensor(order, ScalarType.Int64, device: Host.Device).DetachFromDisposeScope();
        OnDetach(index.Dispose);
        return index;
    }

    private (long Blocks, long Size) Sizes(ProjectionSite site)
    {
        var (field, given) = Settings.BlockSize == 0 ? ("boft_block_num", Settings.Blocks) : ("boft_block_size", Settings.BlockSize);
        var width = site.InFeatures;
        if (width % given != 0)
            throw new PeftException(
                $"BOFT: \"{field}\" is {given}, which does not divide the {width} numbers that {site.Path} reads; give a divisor of it.");
        var (blocks, size) = Settings.BlockSize == 0 ? ((long)given, width / given) : (width / given, (long)given);
        if (Settings.Factors == 1) return (blocks, size);
        // Each factor beyond the first doubles the groups within which halves of blocks change places.
        if (size % 2 != 0 || blocks % (1L << (Settings.Factors - 1)) != 0)
            throw new PeftException(
                $"BOFT: \"boft_n_butterfly_factor\" is {Settings.Factors}, for which {site.Path} with {blocks} blocks of {size} is not "
                + "made: "
                + $"expected blocks of an even size, and a multiple of {1L << (Settings.Factors - 1)} of them.");
        return (blocks, size);
    }
}
