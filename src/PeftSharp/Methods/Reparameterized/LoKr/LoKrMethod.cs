using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Reparameterized.LoKr;

/// <summary>LoKr: the change of a weight is a Kronecker product.</summary>
internal sealed class LoKrMethod(string name, LoKrOptions options) : MapMethod<LoKrOptions>(name, options)
{
    private readonly PathPatterns _patterns = new("LOKR");

    /// <summary>What the registry says of it.</summary>
    public static MethodInfo Info { get; } = new()
    {
        Name = "lokr",
        Family = MethodFamily.Reparameterized,
        PeftType = "LOKR",
        Paper = "Yeh et al. 2024, arXiv 2309.14859",
        Sites = "projections",
        Summary = "The change of a weight is the Kronecker product of a small matrix and a product of low rank; merges.",
        Formula = "y = W·x + b + s·(w₁ ⊗ w₂)·x, s = alpha / r; w₂ = w₂ₐ·w₂ᵦ where r is below half of its larger side, and so is w₁ "
            + "with decompose_both",
        OptionsType = typeof(LoKrOptions),
        NeutralStart = true,
        Mergeable = true,
    };

    /// <inheritdoc/>
    protected override void Adapt(ProjectionSite site)
    {
        var (rank, scale) = Settings.RankAndScale(_patterns, site.Path);
        var (outSmall, outLarge) = KroneckerFactor.Split(site.OutFeatures, Settings.DecomposeFactor);
        var (inSmall, inLarge) = KroneckerFactor.Split(site.InFeatures, Settings.DecomposeFactor);
        var first = Factor(site.Path, "lokr_w1", outSmall, inSmall, rank, whole: !Settings.DecomposeBoth, zeroLeft: Settings.FirstIsZero);
        var second = Factor(site.Path, "lokr_w2", outLarge, inLarge, rank, whole: false, zeroRight: Settings.SecondIsZero);
        Plug(site.Plugins, new LoKrChange(first, second, scale, Settings.DropoutOf(site.Path)));
    }

    // A product of low rank, where that is asked for and saves numbers; what is zero at the start is zero in one of the two.
    private KroneckerFactor Factor(
        string path, string local, long rows, long columns, int rank, bool whole, bool zeroLeft = false, bool zeroRight = false)
    {
        AdapterTensor Part(string part, long[] shape, bool zero) => Add(
            path, part, shape, () => zero ? zeros(shape) : Initial.KaimingUniform(shape, SeedOf($"{path}.{part}")));
        if (whole || 2L * rank >= Math.Max(rows, columns)) return new(Part(local, [rows, columns], zeroLeft || zeroRight), null);
        return new(Part($"{local}_a", [rows, rank], zeroLeft), Part($"{local}_b", [rank, columns], zeroRight));
    }
}
