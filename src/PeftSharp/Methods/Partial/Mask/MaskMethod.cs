using PeftSharp.Interop;
using PeftSharp.Methods.Partial.Sparse;
using PeftSharp.Sites;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Partial.Mask;

/// <summary>Trains the entries that a rule without data names: the largest, the smallest (PaFi), or random ones.</summary>
internal sealed class MaskMethod(string name, MaskOptions options) : SparseMethod(name)
{
    /// <summary>What the registry says of it.</summary>
    public static MethodInfo Info { get; } = new()
    {
        Name = "magnitude-mask",
        Aliases = ["mask"],
        Family = MethodFamily.Partial,
        PeftType = "MASK",
        Paper = "smallest weights (PaFi): Liao et al. 2023, arXiv 2305.16742; the others are controls",
        Sites = "slots",
        Summary = "Only the largest, the smallest or random weights are trained, and the head; no data is needed to choose them.",
        Formula = "W' = W but at the k entries outside embedding tables with the largest |W| (pafi: the smallest; random-mask: "
            + "drawn), which are trained",
        OptionsType = typeof(MaskOptions),
        Layouts = [new SparsePeft()],
        NeutralStart = true,
        Mergeable = true,
        Presets = new Dictionary<string, Func<MethodOptions>>
        {
            ["pafi"] = () => new MaskOptions { Choice = MaskOptions.Smallest },
            ["random-mask"] = () => new MaskOptions { Choice = MaskOptions.Random },
        },
    };

    /// <inheritdoc/>
    public override MethodOptions Options => options;

    internal override WeightChoice Amount => options.Amount;

    private protected override void ChooseAtStart() => Choose(Scores(Score), options.Choice);

    private Tensor Score(Slot slot) => options.Choice switch
    {
        MaskOptions.Random => Initial.Uniform(slot.Value.shape, 1, SeedOf(slot.Name)),
        MaskOptions.Smallest => slot.Value.abs().neg(),
        _ => slot.Value.abs(),
    };
}
