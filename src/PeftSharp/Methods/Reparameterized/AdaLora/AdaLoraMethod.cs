using System.Text.Json.Nodes;
using PeftSharp.Files;
using PeftSharp.Interop;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Reparameterized.AdaLora;

/// <summary>AdaLoRA: low-rank updates whose ranks go where the loss needs them, on a schedule.</summary>
internal sealed class AdaLoraMethod(string name, AdaLoraOptions options) : PeftMethod(name)
{
    private readonly List<Triplet> _maps = [];
    private readonly Importance _importance = new(options.Beta1, options.Beta2);
    private AdaLoraOptions _options = options;
    private long? _totalSteps = options.TotalSteps;
    private IReadOnlyList<bool[]>? _kept;

    /// <summary>What the registry says of it.</summary>
    public static MethodInfo Info { get; } = new()
    {
        Name = "adalora",
        Family = MethodFamily.Reparameterized,
        PeftType = "ADALORA",
        Paper = "Zhang et al. 2023, arXiv 2303.10512",
        Sites = "projections",
        Summary = "Low-rank updates that begin with a high rank each and lose the ranks that matter least, on a schedule; merges.",
        Formula = "y = W·x + b + s·B·diag(E)·A·dropout(x), s = alpha / init_r; loss + orth_reg_weight · mean(‖A·Aᵀ − I‖, ‖Bᵀ·B − I‖); "
            + "E of the least important ranks is set to 0 after each allocation",
        OptionsType = typeof(AdaLoraOptions),
        NeutralStart = true,
        Mergeable = true,
        SizeIsLearned = true,
        Layouts = [new AdaLoraPeft()],
    };

    /// <inheritdoc/>
    public override MethodOptions Options => _options with { TotalSteps = _totalSteps, RankPattern = SavedPattern() };

    /// <summary>The ranks that count in each map, by the module's path; before the last allocation all whose number is not zero.</summary>
    public IReadOnlyDictionary<string, int> Ranks
    {
        get
        {
            using var scope = NewDisposeScope();
            using var guard = no_grad();
            return _maps.ToDictionary(m => m.E.Path, m => (int)m.E.Value.count_nonzero().item<long>());
        }
    }

    // The last allocation was made in an earlier life, and the tensors hold no more than it left.
    private bool IsCut => _options.RankPattern is not null;

    /// <inheritdoc/>
    protected override void OnAttach(MethodHost host)
    {
        OnDetach(Forget);
        _options = _options with { ModulesToSave = ModulesWithHead(_options.ModulesToSave) };
        var chosen = ChosenMaps.Of(_options, host);
        if (_options.FanInFanOut && !chosen.AreTransposed)
            throw new PeftException("ADALORA: \"fan_in_fan_out\" is true, but this model's maps are [out, in]; set it to false.");
        _options = _options with { FanInFanOut = chosen.AreTransposed, TargetModules = chosen.Targets };
        RankLimit.Check("ADALORA: \"init_r\"", chosen.Sites, _ => _options.InitialRank, host);
        foreach (var site in chosen.Sites) Adapt(site);
        if (_options.RankPattern?.Keys.FirstOrDefault(key => !_maps.Exists(m => m.Key == key)) is { } stray)
            throw new PeftException(
                $"ADALORA: \"rank_pattern\" names \"{stray}\", which is none of the adapted maps; "
                + "the adapter was made for another base model or other settings.");
        TrainModules(_options.ModulesToSave);
    }

    private void Forget()
    {
        _maps.Clear();
        _importance.Dispose();
        (_totalSteps, _kept) = (_options.TotalSteps, null);
    }

    private void Adapt(ProjectionSite site)
    {
        var kept = _options.RankPattern?.GetValueOrDefault($"{site.Path}.lora_E");
        var rank = kept?.Count(k => k) ?? _options.InitialRank;
        var deviation = _options.InitWeights ? 0.02 : 1;
        Tensor Drawn(long[] shape, string local) => Initial.Normal(shape, deviation, SeedOf($"{site.Path}.{local}"));
        var a = Add(site.Path, "lora_A", [rank, site.InFeatures], () => Drawn([rank, site.InFeatures], "lora_A"));
        var b = Add(site.Path, "lora_B", [site.OutFeatures, rank], () => Drawn([site.OutFeatures, rank], "lora_B"));
        var e = Add(site.Path, "lora_E", [rank, 1], () => _options.InitWeights ? zeros(rank, 1) : Drawn([rank, 1], "lora_E"));
        _maps.Add(new(a, b, e));
        // The divisor stays when ranks go.
        var divisor = AddFrozen(site.Path, "ranknum", [1], () => zeros(1).Plus((double)_options.InitialRank), saved: false);
        if (rank > 0) Plug(site.Plugins, new AdaLoraDelta(a, b, e, divisor, _options.Alpha, _options.Dropout));
    }

    /// <inheritdoc/>
    public override BatchLoss ComputeLoss(BatchLoss loss, LossCall call)
    {
        if (_options.OrthogonalityWeight == 0) return loss;
        Tensor? sum = null;
        foreach (var map in _maps.Where(m => m.Ranks > 0))
        {
            var (a, b) = (map.A.Get(call.Context), map.B.Get(call.Context));
            var distances = FromIdentity(matmul(a, a.t())).Plus(FromIdentity(matmul(b.t(), b)));
            sum = sum is null ? distances : sum.Plus(distances);
        }
        return sum is null ? loss : loss.Plus(sum.Times(_options.OrthogonalityWeight / (2 * _maps.Count)));
    }

    private static Tensor FromIdentity(Tensor products) =>
        products.Plus(eye(products.shape[0], dtype: products.dtype, device: products.device), -1).norm();

    /// <inheritdoc/>
    public override void AfterStep(StepState step)
    {
        if (IsCut) return;
        _totalSteps ??= step.TotalSteps;
        _options.ValidateSchedule(_totalSteps.Value);
        var schedule = Schedule(_totalSteps.Value);
        var done = step.Step + 1;
        if (_kept is null && (!schedule.IsSettled(done) || _importance.IsEmpty)) Observe();
        if (!schedule.Allocates(done)) return;
        var kept = _kept ?? RankAllocator.Choose(_maps, _importance, schedule.Budget(done));
        RankAllocator.Apply(_maps, kept);
        if (!schedule.IsSettled(done)) return;
        _kept = kept;
        _importance.Dispose();
    }

    private RankSchedule Schedule(long total) => new(
        (long)_options.InitialRank * _maps.Count, (long)_options.TargetRank * _maps.Count,
        _options.WarmUp, total - _options.Final, _options.Interval);

    private void Observe()
    {
        if (_importance.IsEmpty) _importance.Begin(_maps.SelectMany(m => m.Tensors));
        _importance.Update();
    }

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, Tensor> State => _importance.State;

    /// <inheritdoc/>
    public override JsonNode? StateJson => _totalSteps is not { } total ? null : new JsonObject
    {
        ["total_step"] = total,
        ["kept"] = _kept is null ? null : new JsonArray([.. _kept.Select(Json)]),
    };

    private static JsonNode Json(bool[] ranks) => new JsonArray([.. ranks.Select(r => (JsonNode)r)]);

    /// <inheritdoc/>
    public override void RestoreState(IReadOnlyDictionary<string, Tensor> tensors, JsonNode? json)
    {
        var (total, kept) = json is null ? (_options.TotalSteps, null) : ReadState(json);
        var fresh = new Importance(_options.Beta1, _options.Beta2);
        try
        {
            if (tensors.Count > 0) fresh.Begin(_maps.SelectMany(m => m.Tensors));
            NamedTensors.Check(fresh.State, tensors, "the method's state");
        }
        finally
        {
            fresh.Dispose();
        }
        _importance.Dispose();
        if (tensors.Count > 0) _importance.Begin(_maps.SelectMany(m => m.Tensors));
        NamedTensors.Copy(_importance.State, tensors);
        (_totalSteps, _kept) = (total, kept);
    }

    private (long? Total, IReadOnlyList<bool[]>? Kept) ReadState(JsonNode json)
    {
        try
        {
            var kept = (json["kept"] as JsonArray)?.Select(ranks => ranks!.AsArray().Select(r => r!.GetValue<bool>()).ToArray()).ToList();
            if (kept is null || (kept.Count == _maps.Count && kept.Zip(_maps).All(pair => pair.First.Length == pair.Second.Ranks)))
                return (json["total_step"]!.GetValue<long>(), kept);
        }
        catch (Exception e) when (e is InvalidOperationException or FormatException or NullReferenceException)
        {
            throw new PeftException("ADALORA: the saved state of the ranks is damaged; resume from another checkpoint.", e);
        }
        throw new PeftException(
            $"ADALORA: the saved state of the ranks is not that of {_maps.Count} maps with these ranks; "
            + "resume with the settings that the run began with.");
    }

    // Numbers that came back (weights of an earlier step were restored) are not cut off: what is saved answers as what was evaluated.
    private bool CutsOnSaving => _kept is not null && RankAllocator.IsApplied(_maps, _kept);

    private IReadOnlyDictionary<string, IReadOnlyList<bool>>? SavedPattern() => !CutsOnSaving ? _options.RankPattern
        : _maps.Zip(_kept!).ToDictionary(pair => pair.First.Key, pair => (IReadOnlyList<bool>)pair.Second);

    // Which ranks of a tensor are written, and along which dimension; null where all are.
    internal (int Dimension, bool[] Kept)? Cut(AdapterTensor tensor)
    {
        if (!CutsOnSaving || _maps.FindIndex(m => m.Tensors.Contains(tensor)) is not (>= 0 and var map)) return null;
        return (tensor == _maps[map].B ? 1 : 0, _kept![map]);
    }
}
