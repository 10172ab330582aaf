using PeftSharp.Interop;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Partial.ThresholdMask;

/// <summary>Learned masks: weights stay as they are or count as zero, by trained scores.</summary>
/// <remarks>
/// What the threshold does to a gradient is passed over: a score gets the gradient that its mask would (straight-through).
/// </remarks>
internal sealed class ThresholdMaskMethod(string name, ThresholdMaskOptions options) : PeftMethod(name), IChangesEntries
{
    internal const string Scores = "weight.mask_scores";

    private readonly Dictionary<AdapterTensor, Slot> _masked = [];

    /// <summary>What the registry says of it.</summary>
    public static MethodInfo Info { get; } = new()
    {
        Name = "threshold-mask",
        Family = MethodFamily.Partial,
        PeftType = "THRESHOLD_MASK",
        Paper = "Zhao et al. 2020, arXiv 2004.12406",
        Sites = "slots",
        Summary = "No weight is changed: learned masks switch single weights off; one bit for each is saved.",
        Formula = "W' = W ⊙ 1[S > τ], S trained by ∂S = W ⊙ ∂W' (straight-through)",
        OptionsType = typeof(ThresholdMaskOptions),
        Layouts = [new ThresholdMaskPeft()],
        NeutralStart = true,
        Mergeable = true,
        EstimatesGradients = true,
    };

    /// <inheritdoc/>
    public override MethodOptions Options => options;

    /// <inheritdoc/>
    protected override void OnAttach(MethodHost host)
    {
        OnDetach(_masked.Clear);
        var sites = host.Sites.Projections.Where(IsTarget).ToList();
        if (sites.Count == 0)
        {
            throw new PeftException(
                "THRESHOLD_MASK: no linear map matches \"target_modules\" "
                + $"({options.TargetModules?.ToString() ?? "all inside the layers"}); the model's "
                + $"are called {string.Join(", ", host.Sites.Projections.Select(p => p.Path.Split('.')[^1]).Distinct())}.");
        }
        Claim(sites.Select(s => s.Weight));
        foreach (var site in sites) Mask(site);
        TrainModules(options.ModulesToSave, options.TrainHead);
    }

    private bool IsTarget(ProjectionSite site)
    {
        if (site.Role is ProjectionRole.Head or ProjectionRole.Vocabulary || Host.WholeHead.Any(m => Targets.IsSavedModule(site.Path, m)))
            return false;
        if (options.ModulesToSave?.Any(m => Targets.IsSavedModule(site.Path, m)) == true) return false;
        return options.TargetModules is not { } targets ? site.Layer >= 0 : targets.IsAllLinear || targets.Match(site.Path);
    }

    private void Mask(ProjectionSite site)
    {
        long[] shape = [site.OutFeatures, site.InFeatures];
        // A file holds a bit for each of them, not a number.
        var scores = Add(
            site.Path, Scores, shape, () => Arithmetic.Filled(shape, options.Start, ScalarType.Float32, CPU), decay: false, saved: false);
        _masked.Add(scores, site.Weight);
        OnDetach(site.Weight.ReplaceTensor(Tag, (weight, context) => weight * Factors(scores.Get(context), weight.dtype)));
    }

    // 1 or 0, exactly: what is added is zero, and passes the gradient on.
    private Tensor Factors(Tensor scores, ScalarType type)
    {
        var kept = scores.IsAbove(options.Threshold).to(type);
        return scores.requires_grad && is_grad_enabled() ? kept.Plus(scores.Plus(scores.detach(), -1).to(type)) : kept;
    }

    // The mask of a tensor of scores, as it is now; null for another tensor.
    internal Tensor? MaskOf(AdapterTensor tensor) => _masked.ContainsKey(tensor) ? tensor.Value.detach().IsAbove(options.Threshold) : null;

    // Those that are switched off.
    IEnumerable<(Slot Slot, long[] Positions)> IChangesEntries.ChangedEntries() =>
        _masked.Select(pair =>
        {
            using var scope = NewDisposeScope();
            return (pair.Value, MaskOf(pair.Key)!.logical_not().reshape(-1).nonzero().reshape(-1).cpu().data<long>().ToArray());
        });

    // The base weight that a tensor of scores masks; null for another tensor.
    internal Slot? SlotOf(AdapterTensor tensor) => _masked.GetValueOrDefault(tensor);

    // Scores that stand for a mask read from a file: as far from the threshold as at the start, on either side.
    internal Tensor ScoresOf(Tensor mask)
    {
        var distance = options.Start - options.Threshold;
        return mask.to(ScalarType.Float32).Times(2 * distance).Plus(options.Threshold - distance);
    }
}
