using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Reparameterized.Oft;

/// <summary>OFT: weights are multiplied by block-diagonal orthogonal matrices.</summary>
internal sealed class OftMethod(string name, OftOptions options) : MapMethod<OftOptions>(name, options)
{
    private readonly List<AdapterTensor> _upper = [];

    /// <summary>What the registry says of it.</summary>
    public static MethodInfo Info { get; } = new()
    {
        Name = "oft",
        Family = MethodFamily.Reparameterized,
        PeftType = "OFT",
        Paper = "Qiu et al. 2023, arXiv 2306.07280; Qiu et al. 2025, arXiv 2506.19847",
        Sites = "projections",
        Summary = "Weights are multiplied by orthogonal matrices of blocks, which turn what a map reads and keep angles between "
            + "neurons; merges.",
        Formula = "y = W·Rᵀ·x + b, R block-diagonal, each block (I − Q)·(I + Q)⁻¹ of a skew-symmetric Q; "
            + "with use_cayley_neumann I + 2Q + 2Q² + … + Qⁿ⁻¹, that is, the inverse turn up to what is cut off",
        OptionsType = typeof(OftOptions),
        NeutralStart = true,
        Mergeable = true,
    };

    /// <inheritdoc/>
    protected override void Adapt(ProjectionSite site)
    {
        var (blocks, size) = Sizes(site);
        if (size == 1)
            throw new PeftException(
                $"OFT: {site.Path} reads {site.InFeatures} numbers, which blocks of such a size do not divide, so that blocks of 1 "
                + "would be left, "
                + "and those cannot turn; choose another \"oft_block_size\" or leave the map out.");
        if (_upper.Count == 0) OnDetach(_upper.Clear);
        long[] shape = [Settings.SharesBlock ? 1 : blocks, size * (size - 1) / 2];
        var upper = Add(site.Path, "oft_R.weight", shape, () =>
            Settings.InitWeights ? zeros(shape) : Initial.Normal(shape, 0.1, SeedOf($"{site.Path}.oft_R")));
        _upper.Add(upper);
        var places = tensor(OftTurn.Places(size), ScalarType.Int64, device: Host.Device).DetachFromDisposeScope();
        OnDetach(places.Dispose);
        Plug<IProjectionPlugin>(site.Plugins, new OftTurn(upper, places, size, Settings));
    }

    /// <inheritdoc/>
    public override void AfterStep(StepState step)
    {
        if (!Settings.Constrained) return;
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        foreach (var upper in _upper) upper.Value.copy_(OftTurn.Constrain(upper.Value, Settings.Epsilon));
    }

    private (long Blocks, long Size) Sizes(ProjectionSite site)
    {
        var width = site.InFeatures;
        if (Settings.Blocks == 0)
        {
            var size = NearestDivisor(width, Settings.BlockSize);
            return (width / size, size);
        }
        var blocks = NearestDivisor(width, Settings.Blocks);
        return (blocks, width / blocks);
    }

    // Of two that are as near the smaller one.
    private static long NearestDivisor(long width, long wanted)
    {
        if (wanted >= width) return width;
        var (lower, higher) = (wanted, wanted);
        while (width % higher != 0) higher++;
        while (width % lower != 0) lower--;
        return wanted - lower <= higher - wanted ? lower : higher;
    }
}
