using System.Text.Json;
using PeftSharp.Interop;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Reparameterized.Lora;

/// <summary>LoRA: low-rank updates beside linear maps and embedding tables.</summary>
internal sealed partial class LoraMethod(string name, LoraOptions options) : PeftMethod(name)
{
    private readonly PathPatterns _patterns = new("LORA");
    private readonly List<AdaptedMap> _maps = [];
    private readonly LoraOptions _given = options;
    private LoraOptions _options = options;

    /// <summary>What the registry says of it.</summary>
    public static MethodInfo Info { get; } = new()
    {
        Name = "lora",
        Family = MethodFamily.Reparameterized,
        PeftType = "LORA",
        Paper = "Hu et al. 2021, arXiv 2106.09685",
        Sites = "projections, embeddings",
        Summary = "Low-rank updates of weights; merges at no inference cost (rsLoRA, DoRA as options).",
        Formula =
            "y = W·x + b + s·B·A·dropout(x), s = alpha / r (rsLoRA: alpha / √r); DoRA: y = m ⊙ (W + s·B·A)·x / ‖W + s·B·A‖ + b, the norm "
            + "taken of each output row",
        OptionsType = typeof(LoraOptions),
        NeutralStart = true,
        Mergeable = true,
        Layouts = [new LoraPeft(), new LoraAdapterHub()],
        Presets = new Dictionary<string, Func<MethodOptions>>
        {
            ["lora-fa"] = () => new LoraOptions { FreezeA = true },
            ["relora"] = () => new LoraOptions { Restarts = 2 },
        },
    };

    /// <inheritdoc/>
    public override MethodOptions Options => _options;

    // The adapted parts of maps that serve several; null where there are none.
    internal LoraParts? Parts { get; private set; }

    /// <summary>
    /// Makes the gate of a map from the map and its scale, which it takes the place of; null (default): as the settings say. Set before the
    /// adapter is attached, by what weighs several.
    /// </summary>
    internal Func<ProjectionSite, double, IGate>? Weighing { get; set; }

    /// <inheritdoc/>
    protected override void OnAttach(MethodHost host)
    {
        OnDetach(Forget);
        _options = _options with { ModulesToSave = ModulesWithHead(_options.ModulesToSave) };
        var targets = _options.TargetModules;
        bool IsSaved(string path) => _options.ModulesToSave?.Any(name => Targets.IsSavedModule(path, name)) == true;
        bool Wanted(string path) => !IsSaved(path) && _options.ExcludeModules?.Match(path) != true && InLayers(path);

        var sites = _options.Roles is null ? host.Sites.Projections : host.Sites.Projections.Concat(host.Sites.Parts);
        var projections = sites.Where(p => IsTarget(p, targets) && Wanted(p.Path) && !_options.LeaveOut.Contains(p.Layer)).ToList();
        var embeddings =
            host.Sites.Embeddings.Where(e => targets is { IsAllLinear: false } && targets.Match(e.Path) && Wanted(e.Path)).ToList();
        if (projections.Count + embeddings.Count == 0 && _options.TrainableTokens is null)
            throw new PeftException(
                $"LORA: no module matches \"target_modules\" ({targets?.ToString() ?? "queries and values"}); the model's linear maps are "
                + $"called {string.Join(", ", host.Sites.Projections.Select(p => p.Path.Split('.')[^1]).Distinct())}.");
        // What names cannot say (a map that serves several) is said by name.
        if (targets is null && _options.Roles is null && projections.Any(p => p.Role == ProjectionRole.Fused))
            _options = _options with { TargetModules = new Targets([.. projections.Select(p => p.Path.Split('.')[^1]).Distinct()]) };
        Parts = projections.Any(p => p.Weight is PartSlot) ? new(projections) : null;
        // For the peft layout, which names modules.
        if (_options.Roles is not null) _options = _options with { TargetModules = new Targets([.. projections.Select(p => p.Path)]) };
        var transposed = projections.Any(p => p.Weight.IsTransposedOnDisk);
        if (_options.FanInFanOut && !transposed)
            throw new PeftException(
                "LORA: \"fan_in_fan_out\" is true, but the weights of this model's maps are [out, in]; set it to false.");
        _options = _options with { FanInFanOut = transposed };
        RankLimit.Check("LORA: \"r\"", projections, site => RankAndScale(site.Path).Rank, host);
        foreach (var site in projections) Adapt(site);
        foreach (var site in embeddings) Adapt(site);
        foreach (var (module, indices) in _options.TrainableTokens?.ByModule ?? new Dictionary<string, IReadOnlyList<long>>())
            TrainTokens(module, indices);
        TrainBiases(projections);
        TrainModules(_options.ModulesToSave);
        if (_options.UseGating) Tag.NeedAllTokens(_options.GateOverPadding);
    }

    private bool IsTarget(ProjectionSite site, Targets? targets) =>
        _options.Roles is null ? ChosenMaps.IsTarget(site, targets) : _options.Roles.Contains(site.Role);

    private bool InLayers(string path) => ChosenMaps.InLayers(_patterns, _options.LayersToTransform, _options.LayersPattern, path);

    private void Adapt(ProjectionSite site)
    {
        var (rank, scale) = RankAndScale(site.Path);
        if (_options.StartsFromBase) RequireDense(site, rank, scale);
        var start = new Lazy<(Tensor A, Tensor B)>(() => StartOf(site, rank, scale));
        long[] shape = [rank, site.InFeatures];
        var a = _options.FreezeA
            ? AddFrozen(site.Path, "lora_A.weight", shape, () => start.Value.A)
            : Add(site.Path, "lora_A.weight", shape, () => start.Value.A);
        var b = Add(site.Path, "lora_B.weight", [site.OutFeatures, rank], () => start.Value.B);
        var map = new AdaptedMap(site, a, b, scale);
        _maps.Add(map);
        ChangeBase(map, start);
        var bBias = _options.LoraBias ? Add(site.Path, "lora_B.bias", zeros(site.OutFeatures), decay: false) : null;
        Hasten(b);
        if (bBias is not null) Hasten(bBias);
        if (!_options.UseDora)
        {
            var gate = _options.UseGating ? AddGate(site) : Weighing?.Invoke(site, scale);
            Plug(site.Plugins, new LoraDelta(map, bBias, _options.Dropout, gate));
            return;
        }
        if (_options.LoraBias) throw new PeftException("LORA: \"lora_bias\" cannot be combined with \"use_dora\"; choose one.");
        var squared = DoraDelta.SquaredNorm(site.Weight.Base).to(Host.Precision).detach().DetachFromDisposeScope();
        OnDetach(squared.Dispose);
        var magnitude = Add(site.Path, "lora_magnitude_vector", [site.OutFeatures], () =>
            site.Weight.Base.Dense().Plus(matmul(b.Value, a.Value).detach().Times(scale)).norm(1));
        Plug(site.Plugins, new DoraDelta(map, magnitude, _options.Dropout, site.Weight.Base, squared));
    }

    private IGate AddGate(ProjectionSite site) => new Gate(
        Add(site.Path, "gate.weight", Initial.Normal([1, site.InFeatures], 0.02, SeedOf($"{site.Path}.gate"))),
        Add(site.Path, "gate.bias", Initial.Uniform([1], 1 / Math.Sqrt(site.InFeatures), SeedOf($"{site.Path}.gate.bias")), decay: false),
        _options.GateOverPadding);

    private void Adapt(EmbeddingSite site)
    {
        if (_options.StartsFromBase)
            throw new PeftException(
                $"LORA: the start \"{_options.InitText}\" does not reach embeddings; leave {site.Path} out of \"target_modules\".");
        if (_options.UseDora)
            throw new PeftException($"LORA: \"use_dora\" does not reach embeddings; leave {site.Path} out of \"target_modules\".");
        if (_options.FreezeA || _options.Restarts > 0)
            throw new PeftException(
                $"LORA: \"{(_options.FreezeA ? "lora_fa" : "relora_restarts")}\" does not reach embeddings; leave {site.Path} out of "
                + "\"target_modules\".");
        if (_options.LoraBias)
            throw new PeftException($"LORA: \"lora_bias\" does not reach embeddings; leave {site.Path} out of \"target_modules\".");
        if (Weighing is not null)
            throw new PeftException(
                $"LORA: what is weighed token by token does not reach embeddings; leave {site.Path} out of \"target_modules\".");
        var (rank, scale) = RankAndScale(site.Path);
        // The reverse of linear maps: A starts at zero, B at N(0, 1).
        var a = Add(site.Path, "lora_embedding_A", [rank, site.Vocabulary], () => zeros(rank, site.Vocabulary));
        var b = Add(
            site.Path, "lora_embedding_B", [site.Dim, rank],
            () => Initial.Normal([site.Dim, rank], 1, SeedOf($"{site.Path}.lora_embedding_B")));
        Hasten(b);
        Plug(site.Plugins, new LoraEmbedding(a, b, scale));
    }

    // LoRA+: the second factor learns faster.
    private void Hasten(AdapterTensor tensor) => (tensor.Group, tensor.RateFactor) = ("lora_B", _options.RateRatio);

    private void TrainTokens(string module, IReadOnlyList<long> indices)
    {
        var site = module == TokenIndices.Input ? Host.Sites.Embeddings[0]
            : Host.Sites.Embeddings.FirstOrDefault(e => new Targets([module]).Match(e.Path))
              ?? throw new PeftException(
                  $"LORA: \"trainable_token_indices\" names \"{module}\", but the model's embeddings are "
                  + $"{string.Join(", ", Host.Sites.Embeddings.Select(e => e.Path))}.");
        foreach (var index in indices)
            if (index < 0 || index >= site.Vocabulary)
                throw new PeftException(
                    $"LORA: \"trainable_token_indices\" lists {index}; {site.Path} has the rows 0 to {site.Vocabulary - 1}.");
        var chosen = tensor(indices.ToArray(), ScalarType.Int64, device: Host.Device).DetachFromDisposeScope();
        var positions = TrainableRows.Positions(site.Vocabulary, indices, Host.Device).DetachFromDisposeScope();
        OnDetach(chosen.Dispose);
        OnDetach(positions.Dispose);
        var rows = Add(
            site.Path, "token_adapter.trainable_tokens_delta", [indices.Count, site.Dim], () => site.Table.Base.index_select(0, chosen));
        Plug(site.Plugins, new TrainableRows(rows, positions, chosen));
    }

    private void TrainBiases(List<ProjectionSite> adapted)
    {
        if (_options.Bias == "none") return;
        foreach (var slot in Host.Sites.Slots.Where(s => s.Kind is SlotKind.Bias or SlotKind.NormBias))
        {
            var isAdapted = adapted.Any(p => p.Bias == slot);
            if (isAdapted || _options.Bias == "all" && !Host.HeadModules.Any(name => Targets.IsSavedModule(slot.Module, name)))
                TrainCopy(slot, isAdapted ? "base_layer.bias" : null);
        }
    }

    private (int Rank, double Scale) RankAndScale(string path) => RankAndScale(_options, _patterns, path);

    /// <summary>Rank and scale of the update of a module.</summary>
    internal static (int Rank, double Scale) RankAndScale(LoraOptions options, PathPatterns patterns, string path)
    {
        var rank = patterns.Choose("rank_pattern", options.RankPattern, path, options.Rank);
        var alpha = patterns.Choose("alpha_pattern", options.AlphaPattern, path, options.Alpha);
        return (rank, options.UseRsLora ? alpha / Math.Sqrt(rank) : alpha / rank);
    }
}
