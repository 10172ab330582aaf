using System.Text.Json;
using System.Text.Json.Nodes;
using PeftSharp.Interop;
using PeftSharp.Methods.Reparameterized.Lora.Start;
using PeftSharp.Sites;
using PeftSharp.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Reparameterized.Lora;

// How the factors start: from a seed, as a share of the weight, or from training data; and what a resumed run needs of it.
internal sealed partial class LoraMethod
{
    private const string PartA = "/start_A", PartB = "/start_B";

    private const string Resume = "resume with the settings that the run began with";

    private bool _isPrepared;

    private void Forget()
    {
        foreach (var map in _maps)
        {
            map.Change?.Dispose();
            map.Past?.Dispose();
        }
        _maps.Clear();
        _isPrepared = false;
    }

    private (Tensor A, Tensor B) StartOf(ProjectionSite site, int rank, double scale)
    {
        var isZero = _options.InitLoraWeights.ValueKind != JsonValueKind.False;
        if (!SpectralStart.Is(_options.InitText))
            return (LoraStart.A(_options.InitText, site.Path, rank, site.InFeatures, SeedOf),
                LoraStart.B(_options.InitText, isZero, site.Path, rank, site.OutFeatures, SeedOf));
        using var guard = no_grad();
        // Single precision at least: bfloat16 has no decompositions.
        var weight = site.Weight.Base.Dense().to(Host.Precision == ScalarType.Float64 ? ScalarType.Float64 : ScalarType.Float32);
        if (_options.InitText != "loftq") return SpectralStart.Of(_options.InitText!, weight, rank, scale, SeedOf($"{site.Path}.start"));
        var (a, b, before) = SpectralStart.Loftq(weight, rank, scale, _options.Loftq);
        _before = before;
        return (a, b);
    }

    // What LoftQ's last round quantised lacks these.
    private (Tensor A, Tensor B)? _before;

    private void ChangeBase(AdaptedMap map, Lazy<(Tensor A, Tensor B)> start)
    {
        if (!_options.StartsFromBase) return;
        if (_options.InitText == "loftq") map.Change = Loftq(map);
        else if (SpectralStart.Is(_options.InitText))
            map.Change = BaseChange.Residual(map.Site.Weight, InPrecision(start.Value.A), InPrecision(start.Value.B), map.Scale);
        OnDetach(map.Site.Weight.Replace(Tag, (store, _) => map.Change?.In(store) ?? store));
    }

    private Tensor InPrecision(Tensor factor) => factor.to(Host.Precision);

    private BaseChange Loftq(AdaptedMap map)
    {
        var settings = _options.Loftq;
        var block = settings.BlockSize ?? FourBitCodec.DefaultBlock;
        if (settings.Rounds == 1) return BaseChange.Quantized(map.Site.Weight, null, null, map.Scale, block);
        // A file brings them along.
        var a = AddFrozen(map.Site.Path, "loftq_A", [map.Rank, map.Site.InFeatures], () => _before!.Value.A);
        var b = AddFrozen(map.Site.Path, "loftq_B", [map.Site.OutFeatures, map.Rank], () => _before!.Value.B);
        return BaseChange.Quantized(map.Site.Weight, a, b, map.Scale, block);
    }

    private void RequireDense(ProjectionSite site, int rank, double scale)
    {
        var start = _options.InitText;
        if (site.Weight is PartSlot or TiedSlot)
            throw new PeftException(
                $"LORA: the start \"{start}\" changes the weight, and {site.Path} has none of its own (another module reads it too); "
                + "leave it out of \"target_modules\", or take another start.");
        if (site.Weight.Base is not (DenseStore or HalfStore))
            throw new PeftException(
                $"LORA: the start \"{start}\" takes a share of the weight, and {site.Path} is kept as {site.Weight.Base.Kind}; "
                + "load the base without quantisation.");
        var most = Math.Min(site.InFeatures, site.OutFeatures) / (start == "lora_ga" ? 2 : 1);
        if (rank > most)
            throw new PeftException(
                $"LORA: the start \"{start}\" asks for rank {rank} at {site.Path}, whose weight is "
                + $"[{site.OutFeatures}, {site.InFeatures}]; set \"r\" to {most} at most.");
        if (!(scale > 0))
            throw new PeftException(
                $"LORA: the start \"{start}\" needs a scale above 0, but \"lora_alpha\" gives {scale} at {site.Path}; raise it.");
    }

    /// <inheritdoc/>
    public override void OnPrepare(PreparationData data)
    {
        if (_isPrepared || Host.FromFile || _options.InitText is not ("eva" or "lora_ga")) return;
        using var scope = NewDisposeScope();
        if (_options.InitText == "eva") StartFromInputs(data);
        else StartFromGradients(data);
        _isPrepared = true;
    }

    private void StartFromInputs(PreparationData data)
    {
        using var start = new EvaStart(_options.Eva ?? new(), _maps, Tag);
        var factors = start.Find(data);
        using var guard = no_grad();
        SetRanks([.. factors.Select(f => (int)f.shape[0])]);
        foreach (var (map, a) in _maps.Zip(factors)) map.A.Value.copy_(a);
    }

    private void StartFromGradients(PreparationData data)
    {
        var factors = new GradientStart(_options.LoraGa ?? new(), _maps, Tag).Find(data);
        using var guard = no_grad();
        foreach (var (map, (a, b)) in _maps.Zip(factors))
        {
            map.A.Value.copy_(a);
            map.B.Value.copy_(b);
            map.Change?.Dispose();
            map.Change = BaseChange.Residual(map.Site.Weight, map.A.Value, map.B.Value, map.Scale);
        }
    }

    // The patterns say it from now on, so that a file does.
    private void SetRanks(IReadOnlyList<int> ranks)
    {
        if (ranks.SequenceEqual(_maps.Select(m => m.Rank))) return;
        var (rankOf, alphaOf) = (new Dictionary<string, int>(), new Dictionary<string, double>());
        var adjusts = (_options.Eva ?? new()).AdjustScalingFactors;
        void Say(string path, int rank)
        {
            var alpha = _patterns.Choose("alpha_pattern", _given.AlphaPattern, path, _given.Alpha);
            var before = _patterns.Choose("rank_pattern", _given.RankPattern, path, _given.Rank);
            rankOf[path] = rank;
            alphaOf[path] = adjusts ? alpha * rank / before : alpha;
        }
        foreach (var (map, rank) in _maps.Zip(ranks).Where(pair => pair.Second > 0)) Say(map.Site.Path, rank);
        // Embeddings keep what they have.
        foreach (var table in Tensors.Where(t => t.Local == "lora_embedding_A")) Say(table.Path, (int)table.Value.shape[0]);
        _options = _options with { RankPattern = rankOf, AlphaPattern = alphaOf, TargetModules = new Targets([.. rankOf.Keys]) };
        foreach (var (map, rank) in _maps.Zip(ranks))
        {
            if (rank > 0) map.Scale = RankAndScale(map.Site.Path).Scale;
            map.A.Resize(zeros([rank, map.Site.InFeatures], map.A.Value.dtype, map.A.Value.device));
            map.B.Resize(zeros([map.Site.OutFeatures, rank], map.B.Value.dtype, map.B.Value.device));
        }
    }

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, Tensor> State
    {
        get
        {
            var state = new Dictionary<string, Tensor>();
            foreach (var map in _maps)
            {
                if (map.Change is not { IsResidual: true } change) continue;
                state[map.Site.Path + PartA] = change.A!;
                state[map.Site.Path + PartB] = change.B!;
            }
            foreach (var (name, value) in PastState) state[name] = value;
            return state;
        }
    }

    /// <inheritdoc/>
    public override JsonNode? StateJson =>
        !_isPrepared ? null : new JsonObject { ["ranks"] = new JsonArray([.. _maps.Select(m => (JsonNode)m.Rank)]) };

    /// <inheritdoc/>
    public override void RestoreState(IReadOnlyDictionary<string, Tensor> tensors, JsonNode? json)
    {
        var ranks = json is null ? [.. _maps.Select(m => m.Rank)] : ReadRanks(json);
        foreach (var name in tensors.Keys.Where(name => !IsPast(name)))
            if (!_maps.Exists(m => (name == m.Site.Path + PartA || name == m.Site.Path + PartB) && _options.StartsFromBase))
                throw new PeftException(
                    $"LORA: the saved state holds \"{name}\", which this run has no place for; {Resume}.");
        foreach (var (map, rank) in _maps.Zip(ranks)) Check(map, rank, tensors);
        RestorePast(tensors);
        using var guard = no_grad();
        SetRanks(ranks);
        _isPrepared = json is not null;
        foreach (var map in _maps.Where(m => tensors.ContainsKey(m.Site.Path + PartA)))
        {
            map.Change?.Dispose();
            map.Change = BaseChange.Residual(map.Site.Weight, tensors[map.Site.Path + PartA], tensors[map.Site.Path + PartB], map.Scale);
        }
    }

    private static void Check(AdaptedMap map, int rank, IReadOnlyDictionary<string, Tensor> tensors)
    {
        var path = map.Site.Path;
        tensors.TryGetValue(path + PartA, out var a);
        tensors.TryGetValue(path + PartB, out var b);
        if (a is null && b is null) return;
        if (a?.shape is [var first, var width] && b?.shape is [var height, var second] && first == rank && second == rank
            && width == map.Site.InFeatures && height == map.Site.OutFeatures
            && a.dtype == map.A.Value.dtype && b.dtype == map.B.Value.dtype) return;
        throw new PeftException($"LORA: the saved state's start of {path} does not fit its rank of {rank}; {Resume}.");
    }

    private int[] ReadRanks(JsonNode json)
    {
        try
        {
            if (json["ranks"] is JsonArray list && list.Count == _maps.Count && list.Select(r => r!.GetValue<int>()).ToArray() is var ranks
                && ranks.All(r => r is >= 0 and <= 1 << 16)) return ranks;
        }
        catch (Exception e) when (e is InvalidOperationException or FormatException or NullReferenceException)
        {
            throw new PeftException("LORA: the saved state of the ranks is damaged; resume from another checkpoint.", e);
        }
        throw new PeftException($"LORA: the saved state of the ranks is not that of {_maps.Count} maps; {Resume}.");
    }

    // An adapter that began with a share of the weight is, beside the weight itself, scale · (B·A − B₀·A₀): a plain one of twice the rank.
    internal AdaptedMap? Converted(AdapterTensor tensor) =>
        _maps.Find(m => (m.A == tensor || m.B == tensor) && m.Change is { IsResidual: true });

    // Its settings as such.
    internal LoraOptions SavedOptions()
    {
        if (_options.InitText == "loftq") return _options.WithLoftqBlock();
        // Factors beside each other are those of one plain adapter, whose rank is the sum of theirs.
        var times = _maps.Exists(m => m.Change is { IsResidual: true }) ? 2 : Rounds;
        if (times == 1) return _options;
        var factor = _options.UseRsLora ? Math.Sqrt(times) : times;
        return _options with
        {
            InitLoraWeights = JsonDocument.Parse("true").RootElement,
            LoraGa = null,
            Rank = times * _options.Rank,
            Alpha = factor * _options.Alpha,
            RankPattern = _options.RankPattern?.ToDictionary(p => p.Key, p => times * p.Value),
            AlphaPattern = _options.AlphaPattern?.ToDictionary(p => p.Key, p => factor * p.Value),
        };
    }
}
