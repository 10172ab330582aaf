using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Reparameterized.GraLora;

/// <summary>GraLoRA: a weight's change is cut into blocks, each of low rank.</summary>
internal sealed class GraLoraMethod(string name, GraLoraOptions options) : MapMethod<GraLoraOptions>(name, options)
{
    /// <summary>What the registry says of it.</summary>
    public static MethodInfo Info { get; } = new()
    {
        Name = "gralora",
        Family = MethodFamily.Reparameterized,
        PeftType = "GRALORA",
        Paper = "Jung et al. 2025, arXiv 2505.20355",
        Sites = "projections",
        Summary = "The change of a weight is cut into k·k blocks of low rank, at LoRA's number of weights and k times its rank; merges.",
        Formula = "y = W·x + b + s·ΔW·x, block (o, i) of ΔW is Bₒᵀ[ranks of i]·Aᵢᵀ[ranks of o], s = alpha / (r + hybrid_r); hybrid_r: "
            + "an ordinary LoRA is added",
        OptionsType = typeof(GraLoraOptions),
        NeutralStart = true,
        Mergeable = true,
    };

    /// <inheritdoc/>
    protected override void Adapt(ProjectionSite site)
    {
        var (parts, rank) = (Settings.Parts, Settings.Rank);
        if (site.InFeatures % parts != 0 || site.OutFeatures % parts != 0)
            throw new PeftException(
                $"GRALORA: \"gralora_k\" is {parts}, which does not divide both widths of {site.Path}, {site.InFeatures} and "
                + $"{site.OutFeatures}; "
                + "give a divisor of the widths of all maps.");
        // Kaiming's bound depends on the last size, so the factors are drawn as they are in LoRA and turned.
        AdapterTensor Factor(string local, long[] shape, bool turned, bool isZero) => Add(
            site.Path, local, turned ? [shape[0], shape[2], shape[1]] : shape, () =>
            {
                if (isZero) return turned ? zeros(shape[0], shape[2], shape[1]) : zeros(shape);
                var drawn = Initial.KaimingUniform(shape, SeedOf($"{site.Path}.{local}"));
                return turned ? drawn.transpose(1, 2) : drawn;
            });
        var a = Factor("gralora_A", [parts, rank, site.InFeatures / parts], turned: true, isZero: false);
        var b = Factor("gralora_B", [parts, site.OutFeatures / parts, rank], turned: true, isZero: Settings.InitWeights);
        (AdapterTensor, AdapterTensor)? general = Settings.HybridRank == 0 ? null : (
            Factor("gralora_A_general.weight", [Settings.HybridRank, site.InFeatures], turned: false, isZero: false),
            Factor("gralora_B_general.weight", [site.OutFeatures, Settings.HybridRank], turned: false, isZero: Settings.InitWeights));
        Plug<IProjectionPlugin>(
            site.Plugins, new GraLoraChange(a, b, general, Settings.Alpha / (rank + Settings.HybridRank), Settings.Dropout));
    }
}
