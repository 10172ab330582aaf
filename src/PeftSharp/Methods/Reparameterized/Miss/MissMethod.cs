using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Reparameterized.Miss;

/// <summary>MiSS: one small block, shared by all groups of a weight's columns.</summary>
internal sealed class MissMethod(string name, MissOptions options) : MapMethod<MissOptions>(name, options)
{
    /// <summary>What the registry says of it.</summary>
    public static MethodInfo Info { get; } = new()
    {
        Name = "miss",
        Aliases = ["bone"],
        Family = MethodFamily.Reparameterized,
        PeftType = "MISS",
        Paper = "Kang and Yin 2024, arXiv 2409.15371",
        Sites = "projections",
        Summary = "One block that all groups of a weight's columns share: one matrix a map where LoRA has two; merges.",
        Formula = "y = W·x + b + Dᵀ·Σᵢ xᵢ, xᵢ the i-th r numbers of dropout(x); bat: block by block W·D + D is added to W",
        OptionsType = typeof(MissOptions),
        NeutralStart = true,
        Mergeable = true,
    };

    /// <inheritdoc/>
    protected override void Adapt(ProjectionSite site)
    {
        var (rank, width) = (Settings.Rank, site.OutFeatures);
        if (Settings.IsBat && (site.InFeatures % rank != 0 || width % rank != 0))
            throw new PeftException(
                $"MISS: with \"bat\", \"r\" ({rank}) has to divide both widths of {site.Path}, {site.InFeatures} and {width}; give such "
                + "a rank.");
        if (Settings.IsMini && width % Settings.MiniRank != 0)
            throw new PeftException(
                $"MISS: \"mini_r\" ({Settings.MiniRank}) has to divide the {width} outputs of {site.Path}; give a divisor of it.");
        var shape = Settings.IsBat ? [width / rank, rank, rank] : (long[])[rank, Settings.IsMini ? Settings.MiniRank : width];
        var isRandom = Settings.InitWeights.ValueKind == System.Text.Json.JsonValueKind.False;
        var block = Add(site.Path, "miss_block", shape, () =>
            isRandom ? Initial.KaimingUniform(shape, SeedOf($"{site.Path}.miss_block")) : zeros(shape));
        Plug<IProjectionPlugin>(site.Plugins, Settings.IsBat
            ? new BatChange(block) : new MissChange(block, site.InFeatures, width, Settings.Dropout));
    }
}
