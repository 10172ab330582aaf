using PeftSharp.Interop;
using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Reparameterized.Road;

/// <summary>RoAd: pairs of a map's outputs are turned and scaled.</summary>
internal sealed class RoadMethod(string name, RoadOptions options) : MapMethod<RoadOptions>(name, options)
{
    /// <summary>What the registry says of it.</summary>
    public static MethodInfo Info { get; } = new()
    {
        Name = "road",
        Family = MethodFamily.Reparameterized,
        PeftType = "ROAD",
        Paper = "Liao and Monz 2024, arXiv 2409.00119",
        Sites = "projections",
        Summary = "Pairs of a map's outputs are turned and scaled: about as many numbers as outputs; merges.",
        Formula = "y = R·(W·x + b), R of 2 × 2 blocks α·[cos θ, −sin θ; sin θ, cos θ] over pairs of outputs",
        OptionsType = typeof(RoadOptions),
        NeutralStart = true,
        Mergeable = true,
    };

    /// <inheritdoc/>
    protected override void Adapt(ProjectionSite site)
    {
        if (site.OutFeatures % Settings.GroupSize != 0)
            throw new PeftException(
                $"ROAD: \"group_size\" is {Settings.GroupSize}, which does not divide the {site.OutFeatures} outputs of {site.Path}; "
                + "give an even divisor of the outputs of all maps.");
        var count = Settings.Variant switch
        {
            "road_1" => site.OutFeatures / 2,
            "road_2" => site.OutFeatures,
            _ => 2 * site.OutFeatures,
        };
        Tensor Drawn(string local) => Initial.Normal([count], 0.5, SeedOf($"{site.Path}.{local}"));
        var angles = Add(site.Path, "road_theta", [count], () => Settings.InitWeights ? zeros(count) : Drawn("road_theta"));
        var factors = Add(site.Path, "road_alpha", [count], () => Settings.InitWeights ? ones(count) : Drawn("road_alpha").Plus(1L));
        Plug<IProjectionPlugin>(site.Plugins, new RoadTurn(angles, factors, Settings));
    }
}
