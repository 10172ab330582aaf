using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Reparameterized.FourierFt;

/// <summary>FourierFT: the change of a weight is given by a few numbers of its spectrum.</summary>
internal sealed class FourierFtMethod(string name, FourierFtOptions options) : MapMethod<FourierFtOptions>(name, options)
{
    private readonly PathPatterns _patterns = new("FOURIERFT");
    private readonly Dictionary<(long, long, int), Tensor> _places = [];

    /// <summary>What the registry says of it.</summary>
    public static MethodInfo Info { get; } = new()
    {
        Name = "fourierft",
        Family = MethodFamily.Reparameterized,
        PeftType = "FOURIERFT",
        Paper = "Gao et al. 2024, arXiv 2405.03003",
        Sites = "projections",
        Summary = "The change of a weight is the Fourier transform of a few trained numbers at places drawn once: a thousand numbers a "
            + "map; merges.",
        Formula = "y = W·x + b + scaling·Re(F⁻¹(S))·x, S zero but for the trained numbers",
        OptionsType = typeof(FourierFtOptions),
        Mergeable = true,
    };

    /// <inheritdoc/>
    protected override void Adapt(ProjectionSite site)
    {
        var count = _patterns.Choose("n_frequency_pattern", Settings.FrequencyPattern, site.Path, Settings.Frequencies);
        var weights = site.OutFeatures * site.InFeatures;
        if (count > weights)
            throw new PeftException(
                $"FOURIERFT: \"n_frequency\" is {count}, but {site.Path} has {weights} weights, which have as many frequencies; give "
                + "fewer, "
                + "or its own number in \"n_frequency_pattern\".");
        var spectrum = Add(site.Path, "fourierft_spectrum", [count], () =>
            Settings.StartsAtZero ? zeros(count) : Initial.Normal([count], 1, SeedOf($"{site.Path}.fourierft_spectrum")));
        Plug<IProjectionPlugin>(site.Plugins, new FourierChange(
            spectrum, Places(site.OutFeatures, site.InFeatures, count), site.OutFeatures, site.InFeatures, Settings.Scaling));
    }

    // The same for maps of one shape, as in peft, which draws them anew from the seed for each.
    private Tensor Places(long outFeatures, long inFeatures, int count)
    {
        if (_places.Count == 0) OnDetach(Forget);
        if (_places.TryGetValue((outFeatures, inFeatures, count), out var known)) return known;
        using var generator = new Generator((ulong)Settings.LocationSeed);
        using var all = randperm(outFeatures * inFeatures, ScalarType.Int64, generator: generator);
        using var first = all.narrow(0, 0, count);
        return _places[(outFeatures, inFeatures, count)] = first.to(Host.Device, copy: true).DetachFromDisposeScope();
    }

    private void Forget()
    {
        foreach (var places in _places.Values) places.Dispose();
        _places.Clear();
    }
}
