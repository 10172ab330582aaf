using PeftSharp.Methods.Reparameterized;
using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Hybrid.MoeLora;

/// <summary>A mixture of LoRA experts with a router at each map.</summary>
internal sealed class MoeLoraMethod(string name, MoeLoraOptions options) : MapMethod<MoeLoraOptions>(name, options)
{
    // Nearly equal shares at first, but not quite, so that experts can part.
    private const double RouterDeviation = 0.02;

    /// <summary>What the registry says of it.</summary>
    public static MethodInfo Info { get; } = new()
    {
        Name = "moe-lora",
        Aliases = ["loramoe"],
        Family = MethodFamily.Hybrid,
        PeftType = "MOE_LORA",
        Paper = "Dou et al. 2023, arXiv 2312.09979",
        Sites = "projections",
        Summary = "Several LoRAs at each map, and a router that mixes them anew for each token; cannot be merged, for the mixture "
            + "depends on the input.",
        Formula = "y = W·x + b + s·Σₑ gₑ·Bₑ·Aₑ·dropout(x), g = softmax(R·x), s = alpha / r; top_k: of the k highest scores alone",
        OptionsType = typeof(MoeLoraOptions),
        NeutralStart = true,
    };

    /// <inheritdoc/>
    protected override void Adapt(ProjectionSite site)
    {
        var (ranks, experts) = (Settings.Experts * Settings.Rank, Settings.Experts);
        ulong Seed(string local) => SeedOf($"{site.Path}.{local}");
        var a =
            Add(site.Path, "moe_A.weight", [ranks, site.InFeatures], () => Initial.KaimingUniform([ranks, site.InFeatures], Seed("moe_A")));
        var b = Add(site.Path, "moe_B.weight", [site.OutFeatures, ranks], () => zeros(site.OutFeatures, ranks));
        var router = Add(site.Path, "moe_router.weight", [experts, site.InFeatures], () =>
            Initial.Normal([experts, site.InFeatures], RouterDeviation, Seed("moe_router")));
        Plug<IProjectionPlugin>(site.Plugins, new MoeLoraDelta(a, b, router, Settings));
    }
}
