using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Reparameterized.Hira;

/// <summary>HiRA: the change of a weight is the weight itself times a product of low rank, number by number.</summary>
internal sealed class HiraMethod(string name, HiraOptions options) : MapMethod<HiraOptions>(name, options)
{
    private readonly PathPatterns _patterns = new("HIRA");

    /// <summary>What the registry says of it.</summary>
    public static MethodInfo Info { get; } = new()
    {
        Name = "hira",
        Family = MethodFamily.Reparameterized,
        PeftType = "HIRA",
        Paper = "Huang et al. 2025, openreview TwJrTz9cRS",
        Sites = "projections",
        Summary = "The weight times a product of low rank, number by number, is added to it: changes of high rank from as few numbers "
            + "as LoRA's; merges.",
        Formula = "y = W·x + b + (W ∘ (B·A))·dropout(x)",
        OptionsType = typeof(HiraOptions),
        NeutralStart = true,
        Mergeable = true,
    };

    /// <inheritdoc/>
    protected override void Adapt(ProjectionSite site)
    {
        var rank = _patterns.Choose("rank_pattern", Settings.RankPattern, site.Path, Settings.Rank);
        long[] wide = [rank, site.InFeatures], tall = [site.OutFeatures, rank];
        ulong Seed(string local) => SeedOf($"{site.Path}.{local}");
        var a = Add(site.Path, "hira_A", wide, () => Settings.IsRandom ? Initial.Normal(wide, 1, Seed("hira_A"))
            : Settings.IsGaussian ? Initial.Normal(wide, 1.0 / rank, Seed("hira_A")) : Initial.KaimingUniform(wide, Seed("hira_A")));
        var b = Add(site.Path, "hira_B", tall, () => Settings.IsRandom ? Initial.Normal(tall, 1, Seed("hira_B")) : zeros(tall));
        Plug<IProjectionPlugin>(site.Plugins, new HiraChange(a, b, Settings.Dropout));
    }
}
