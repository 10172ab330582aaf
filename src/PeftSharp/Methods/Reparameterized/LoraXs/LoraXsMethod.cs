using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Reparameterized.LoraXs;

/// <summary>LoRA-XS: a small square matrix between the singular directions of each weight.</summary>
internal sealed class LoraXsMethod(string name, LoraXsOptions options) : MapMethod<LoraXsOptions>(name, options)
{
    /// <summary>What the registry says of it.</summary>
    public static MethodInfo Info { get; } = new()
    {
        Name = "lora-xs",
        Family = MethodFamily.Reparameterized,
        PeftType = "LORA_XS",
        Paper = "Bałazy et al. 2024, arXiv 2405.17604",
        Sites = "projections",
        Summary = "Of each map r·r numbers are trained, between the largest singular directions of its weight, which are saved with "
            + "them and stay; merges.",
        Formula = "y = W·x + b + s·U·R·V·dropout(x), s = alpha / r, U·V the best approximation of W of rank r, its singular values in U",
        OptionsType = typeof(LoraXsOptions),
        Mergeable = true,
    };

    /// <inheritdoc/>
    protected override void Adapt(ProjectionSite site)
    {
        var rank = Settings.Rank;
        if (rank > Math.Min(site.InFeatures, site.OutFeatures))
            throw new PeftException(
                $"LORA_XS: \"r\" is {rank}, but {site.Path} has {Math.Min(site.InFeatures, site.OutFeatures)} singular directions; give "
                + "a smaller rank.");
        var found = new Lazy<(Tensor Left, Tensor Right)>(() => Directions(site, rank));
        var left = AddFrozen(site.Path, "lora_xs_A", [site.OutFeatures, rank], () => found.Value.Left, shared: true);
        var right = AddFrozen(site.Path, "lora_xs_B", [rank, site.InFeatures], () => found.Value.Right, shared: true);
        var trained = Add(
            site.Path, "lora_xs_R", [rank, rank], () => Initial.Normal([rank, rank], Settings.Deviation, SeedOf($"{site.Path}.lora_xs_R")));
        Plug<IProjectionPlugin>(site.Plugins, new LoraXsChange(left, trained, right, Settings.Alpha / rank, Settings.Dropout));
    }

    private static (Tensor Left, Tensor Right) Directions(ProjectionSite site, int rank)
    {
        using var guard = no_grad();
        var (u, values, v) = linalg.svd(site.Weight.Base.Dense(), fullMatrices: false);
        return (u.narrow(1, 0, rank) * values.narrow(0, 0, rank), v.narrow(0, 0, rank));
    }
}
