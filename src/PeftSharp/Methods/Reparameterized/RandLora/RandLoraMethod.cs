using PeftSharp.Interop;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Reparameterized.RandLora;

/// <summary>RandLoRA: updates of full rank from random bases that all layers share.</summary>
public sealed class RandLoraMethod(string name, RandLoraOptions options) : MapMethod<RandLoraOptions>(name, options)
{
    private const string A = "randlora_A", B = "randlora_B";

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
        Formula = "y = W·x + b + s·Σⱼ Bⱼ·diag(λⱼ)·A·diag(γⱼ)·dropout(x), s = alpha / r; as many j as make full rank; A and B are drawn once and shared",
        OptionsType = typeof(RandLoraOptions),
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
        _a = AddFrozen("", A, [bases.Rank, 1, bases.Narrow], () => drawn.Value.A, Settings.SaveProjection);
        _b = AddFrozen("", B, [bases.Wide, count, bases.Rank], () => drawn.Value.B, Settings.SaveProjection);
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

    /// <inheritdoc/>
    public override string? SavedName(AdapterTensor tensor, AdapterFormat format)
    {
        if (format != AdapterFormat.Peft || tensor.Role != TensorRole.Frozen) return base.SavedName(tensor, format);
        return Settings.SaveProjection ? $"base_model.{tensor.Local}" : null;
    }

    /// <inheritdoc/>
    public override void LoadTensors(IReadOnlyDictionary<string, Tensor> saved, AdapterFormat format, string file)
    {
        // peft writes the bases once more for every map. Others than the shared ones would be left out in silence.
        using var guard = no_grad();
        foreach (var (key, value) in saved.Where(t => MayLeaveOut(t.Key, format)))
        {
            var shared = saved.GetValueOrDefault(key.EndsWith(A, StringComparison.Ordinal) ? $"base_model.{A}" : $"base_model.{B}");
            if (shared is null || !shared.shape.SequenceEqual(value.shape) || !shared.equal(value).all().item<bool>())
                throw new PeftException($"{file}: tensor \"{key}\" is not the base that all maps share; expected one pair of bases for the whole adapter: save it again.");
        }
        base.LoadTensors(saved, format, file);
    }

    /// <inheritdoc/>
    public override bool MayLeaveOut(string key, AdapterFormat format) =>
        key.StartsWith("base_model.model.", StringComparison.Ordinal)
        && (key.EndsWith($".{A}", StringComparison.Ordinal) || key.EndsWith($".{B}", StringComparison.Ordinal));
}
