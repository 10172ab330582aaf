using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Reparameterized.Hra;

/// <summary>HRA: weights are multiplied by a few Householder reflections.</summary>
internal sealed class HraMethod(string name, HraOptions options) : MapMethod<HraOptions>(name, options)
{
    /// <summary>What the registry says of it.</summary>
    public static MethodInfo Info { get; } = new()
    {
        Name = "hra",
        Family = MethodFamily.Reparameterized,
        PeftType = "HRA",
        Paper = "Yuan et al. 2024, arXiv 2405.17484",
        Sites = "projections",
        Summary = "Weights are multiplied by a few reflections: orthogonal, and a change of low rank; starts as the base up to "
            + "rounding; merges.",
        Formula = "y = W·H₁·…·Hᵣ·x + b, Hᵢ = I − 2·uᵢ·uᵢᵀ / ‖uᵢ‖²",
        OptionsType = typeof(HraOptions),
        Mergeable = true,
    };

    /// <inheritdoc/>
    protected override void Adapt(ProjectionSite site)
    {
        if (Settings.Orthogonalises && Settings.Rank > site.InFeatures)
            throw new PeftException(
                $"HRA: \"r\" is {Settings.Rank}, but {site.Path} reads {site.InFeatures} numbers, and no more vectors are orthogonal to "
                + "each other there; "
                + "give a smaller rank, or set \"apply_GS\" to false.");
        var vectors = Add(site.Path, "hra_u", [site.InFeatures, Settings.Rank], () => Start(site));
        Plug<IProjectionPlugin>(site.Plugins, new HraTurn(vectors, Settings.Orthogonalises));
    }

    private Tensor Start(ProjectionSite site)
    {
        var seed = SeedOf($"{site.Path}.hra_u");
        // Of two equal vectors nothing is left of the second where they are made orthogonal.
        if (!Settings.InitWeights || Settings.Orthogonalises || Settings.Rank % 2 != 0)
            return Initial.KaimingUniform([site.InFeatures, Settings.Rank], seed);
        return Initial.KaimingUniform([site.InFeatures, Settings.Rank / 2], seed).repeat_interleave(2, 1);
    }
}
