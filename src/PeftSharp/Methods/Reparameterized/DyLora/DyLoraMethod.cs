using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Reparameterized.DyLora;

/// <summary>DyLoRA: low-rank updates trained over a range of ranks at once, and served at any of them.</summary>
internal sealed class DyLoraMethod(string name, DyLoraOptions options) : PeftMethod(name)
{
    private DyLoraOptions _options = options;
    private RankInUse? _rank;

    /// <summary>What the registry says of it.</summary>
    public static MethodInfo Info { get; } = new()
    {
        Name = "dylora",
        Family = MethodFamily.Reparameterized,
        PeftType = "DYLORA",
        Paper = "Valipour et al. 2023, arXiv 2210.07558",
        Sites = "projections",
        Summary = "LoRA trained over a range of ranks at once and served at any of them, cut after training; merges.",
        Formula = "y = W·x + c + alpha / b · B[:, :b]·A[:b]·dropout(x), b drawn from r_min … r for each step, serving_rank in answers",
        OptionsType = typeof(DyLoraOptions),
        NeutralStart = true,
        Mergeable = true,
    };

    /// <inheritdoc/>
    public override MethodOptions Options => _rank is null ? _options
        : _options with { ServingRank = _rank.Served == _options.Rank && _options.ServingRank is null ? null : _rank.Served };

    /// <summary>
    /// The rank that answers use, from the smallest that was trained to the largest; saved with the adapter. Calls under way may still use
    /// the one before.
    /// </summary>
    /// <exception cref="PeftException">It lies outside the trained range.</exception>
    public int ServedRank
    {
        get => _rank?.Served ?? _options.ServingRank ?? _options.Rank;
        set => (_rank ?? throw new InvalidOperationException($"Adapter {Name} is not attached to a model.")).Served = value;
    }

    /// <inheritdoc/>
    protected override void OnAttach(MethodHost host)
    {
        OnDetach(() => _rank = null);
        _options = _options with { ModulesToSave = ModulesWithHead(_options.ModulesToSave) };
        var chosen = ChosenMaps.Of(_options, host);
        _options = _options with { TargetModules = chosen.Targets };
        RankLimit.Check("DYLORA: \"r\"", chosen.Sites, _ => _options.Rank, host);
        _rank = new(_options, SeedOf("rank"));
        foreach (var site in chosen.Sites) Adapt(site, _rank);
        TrainModules(_options.ModulesToSave);
    }

    private void Adapt(ProjectionSite site, RankInUse rank)
    {
        long[] inward = [_options.Rank, site.InFeatures], outward = [site.OutFeatures, _options.Rank];
        var a = Add(site.Path, "lora_A.weight", inward, () => Initial.KaimingUniform(inward, SeedOf($"{site.Path}.lora_A")));
        var b = Add(site.Path, "lora_B.weight", outward, () => zeros(outward));
        OnDetach(a.Slot.Replace(Tag, (value, context) => Cut(value, 0, rank, context)));
        OnDetach(b.Slot.Replace(Tag, (value, context) => Cut(value, 1, rank, context)));
        Plug(site.Plugins, new DyLoraDelta(a, b, _options.Alpha, _options.Dropout));
    }

    private static Tensor Cut(Tensor value, long dimension, RankInUse rank, ForwardContext context)
    {
        var used = rank.Of(context);
        if (!rank.TrainsLastAlone(context)) return used == value.shape[dimension] ? value : value.narrow(dimension, 0, used);
        var last = value.narrow(dimension, used - 1, 1);
        return used == 1 ? last : cat([value.detach().narrow(dimension, 0, used - 1), last], dimension);
    }
}
