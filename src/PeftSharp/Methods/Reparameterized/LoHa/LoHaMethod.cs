using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Reparameterized.LoHa;

/// <summary>LoHa: the change of a weight is the Hadamard product of two products of low rank.</summary>
internal sealed class LoHaMethod(string name, LoHaOptions options) : MapMethod<LoHaOptions>(name, options)
{
    private readonly PathPatterns _patterns = new("LOHA");

    /// <summary>What the registry says of it.</summary>
    public static MethodInfo Info { get; } = new()
    {
        Name = "loha",
        Family = MethodFamily.Reparameterized,
        PeftType = "LOHA",
        Paper = "Hyeon-Woo et al. 2022, arXiv 2108.06098; LyCORIS: Yeh et al. 2024, arXiv 2309.14859",
        Sites = "projections",
        Summary = "The change of a weight is the product, number by number, of two products of low rank, so that r + r ranks make up "
            + "to r·r; merges.",
        Formula = "y = W·x + b + s·((A₁·B₁) ∘ (A₂·B₂))·x, s = alpha / r",
        OptionsType = typeof(LoHaOptions),
        NeutralStart = true,
        Mergeable = true,
    };

    /// <inheritdoc/>
    protected override void Adapt(ProjectionSite site)
    {
        var (rank, scale) = Settings.RankAndScale(_patterns, site.Path);
        AdapterTensor Factor(string local, long[] shape, bool zero = false) => Add(
            site.Path, local, shape, () => zero ? zeros(shape) : Initial.KaimingUniform(shape, SeedOf($"{site.Path}.{local}")));
        long[] tall = [site.OutFeatures, rank], wide = [rank, site.InFeatures];
        Plug(site.Plugins, new LoHaChange(
            Factor("hada_w1_a", tall), Factor("hada_w1_b", wide), Factor("hada_w2_a", tall),
            Factor("hada_w2_b", wide, Settings.InitWeights),
            scale, Settings.DropoutOf(site.Path)));
    }
}
