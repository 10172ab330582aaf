using PeftSharp.Interop;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Reparameterized.RandLora;

/// <summary>RandLoRA: updates of full rank from random bases that all layers share.</summary>
internal sealed class RandLoraMethod(string name, RandLoraOptions options) : MapMethod<RandLoraOptions>(name, options)
{
    internal const string A = "randlora_A", B = "randlora_B";

    private AdapterTensor? _a, _b;

    /// <summary>What the registry says of it.</summary>
    public static MethodInfo Info { get; } = new()
    {
        Name = "randlora",
        Family = MethodFamily.Reparameterized,
        PeftType = "RANDLORA",
        Paper = "Albert et al. 2025, arXiv 2502.00987",
        Sites = "projections",
        Summary = "Updates of full rank: frozen random bases shared by all layers, and trained factors that mix them; merges.",
        Formula = "y = W·x + b + s·Σⱼ Bⱼ·diag(λⱼ)·A·diag(γⱼ)·dropout(x), s = alpha / r; as many j as make full rank; A and B are drawn "
            + "once and shared",
        OptionsType = typeof(RandLoraOptions),
        Layouts = [new RandLoraPeft()],
        NeutralStart = true,
        Mergeable = true,
    };

    /// <inheritdoc/>
    protected override void AddShared(IReadOnlyList<ProjectionSite> maps)
    {
        // As in peft from the widest input and the widest output, whichever maps they belong to.
        var (widestIn, widestOut) = (maps.Max(m => m.InFeatures), maps.Max(m => m.OutFeatures));
        var bases = new RandomBases(Settings.Rank, Math.Min(widestIn, widestOut), Math.Max(widestIn, widestOut), Settings.ProjectionKey);
        var drawn = new Lazy<(Tensor A, Tensor B)>(() => Draw(bases));
        var count = RandomBases.Count(bases.Narrow, bases.Rank);
        _a = AddFrozen("", A, [bases.Rank, 1, bases.Narrow], () => drawn.Value.A, Settings.SaveProjection, shared: true);
        _b = AddFrozen("", B, [bases.Wide, count, bases.Rank], () => drawn.Value.B, Settings.SaveProjection, shared: true);
    }

    private (Tensor A, Tensor B) Draw(RandomBases bases) =>
        Settings.VerySparse ? bases.DrawSparse(Math.Sqrt(bases.Narrow)) : Settings.Sparse ? bases.DrawSparse(3) : bases.Draw();

    /// <inheritdoc/>
    protected override void Adapt(ProjectionSite site)
    {
        var (narrow, wide) = (Math.Min(site.InFeatures, site.OutFeatures), Math.Max(site.InFeatures, site.OutFeatures));
        var count = RandomBases.Count(narrow, Settings.Rank);
        var start = Settings.InitWeights ? 1.0 / Math.Max(count, narrow) : 1.0 / wide;
        var gamma = Add(site.Path, "randlora_gamma", [count, narrow], () => zeros(count, narrow).Plus(start));
        var lambda = Add(site.Path, "randlora_lambda", [Settings.Rank, count], () => Settings.InitWeights
            ? zeros(Settings.Rank, count) : Initial.Normal([Settings.Rank, count], 1, SeedOf($"{site.Path}.randlora_lambda")));
        Plug<IProjectionPlugin>(site.Plugins, new RandLoraChange(
            _a!, _b!, lambda, gamma, site, Settings.Alpha / Settings.Rank, Settings.Dropout));
    }
}
