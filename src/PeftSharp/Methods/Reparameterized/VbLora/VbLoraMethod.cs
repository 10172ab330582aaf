using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Reparameterized.VbLora;

/// <summary>VB-LoRA: low-rank updates put together from a bank of vectors that all layers share.</summary>
internal sealed class VbLoraMethod(string name, VbLoraOptions options) : MapMethod<VbLoraOptions>(name, options)
{
    internal const string Bank = "vblora_vector_bank", ScoresA = "vblora_logits_A", ScoresB = "vblora_logits_B";

    private AdapterTensor? _bank;

    /// <summary>What the registry says of it.</summary>
    public static MethodInfo Info { get; } = new()
    {
        Name = "vblora",
        Family = MethodFamily.Reparameterized,
        PeftType = "VBLORA",
        Paper = "Li et al. 2024, arXiv 2405.15179",
        Sites = "projections",
        Summary = "Low-rank updates whose factors are put together from a bank of vectors that all layers share: very small files; merges.",
        Formula = "y = W·x + b + B·A·dropout(x), each piece of A and B a mixture of the topk vectors of the bank with the highest "
            + "scores; bank and scores are trained",
        OptionsType = typeof(VbLoraOptions),
        Layouts = [new VbLoraPeft()],
        Mergeable = true,
    };

    /// <summary>True if a file gave of the scores only those that count.</summary>
    internal bool LacksScores { get; set; }

    /// <inheritdoc/>
    protected override void AddShared(IReadOnlyList<ProjectionSite> maps)
    {
        foreach (var map in maps)
            if (map.InFeatures % Settings.Length != 0 || map.OutFeatures % Settings.Length != 0)
                throw new PeftException(
                    $"VBLORA: \"vector_length\" is {Settings.Length}, which does not divide both widths of {map.Path}, {map.InFeatures} "
                    + "and "
                    + $"{map.OutFeatures}; give a divisor of the widths of all maps.");
        _bank = Add("", Bank, [Settings.Vectors, Settings.Length], () =>
            Initial.Uniform([Settings.Vectors, Settings.Length], Settings.BankBound, SeedOf(Bank)));
        OnDetach(() => LacksScores = false);
    }

    /// <inheritdoc/>
    protected override void Adapt(ProjectionSite site)
    {
        AdapterTensor Scores(string local, params long[] shape) => Add(
            site.Path, local, shape, () => Initial.Normal(shape, Settings.ScoreDeviation, SeedOf($"{site.Path}.{local}")),
            saved: !Settings.SavesMixedOnly);
        var a = Scores(ScoresA, Settings.Rank, site.InFeatures / Settings.Length, Settings.Vectors);
        var b = Scores(ScoresB, site.OutFeatures / Settings.Length, Settings.Rank, Settings.Vectors);
        Plug<IProjectionPlugin>(site.Plugins, new VbLoraChange(_bank!, a, b, Settings.Mixed, Settings.Dropout));
    }

    /// <inheritdoc/>
    public override BatchLoss ComputeLoss(BatchLoss loss, LossCall call)
    {
        if (LacksScores && call.Context.Training)
            throw new PeftException(
                $"VBLORA: the adapter {Name} was saved with \"save_only_topk_weights\", so the scores of the other vectors are gone and "
                + "it cannot be trained "
                + "further; start a new one, or from one that was saved without it.");
        return loss;
    }
}
