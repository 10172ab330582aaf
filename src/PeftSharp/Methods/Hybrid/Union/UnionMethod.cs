
namespace PeftSharp.Methods.Hybrid.Union;

/// <summary>A union of methods under one name: its parts share one identity, so they are selected, saved and trained together.</summary>
internal sealed class UnionMethod(string name, UnionOptions options) : CompositeMethod(name)
{
    /// <summary>What the registry says of it.</summary>
    public static MethodInfo Info { get; } = new()
    {
        Name = "unipelt",
        Aliases = ["union"],
        Family = MethodFamily.Hybrid,
        PeftType = "UNION",
        Paper = "Mao et al. 2021, arXiv 2110.07577; He et al. 2021, arXiv 2110.04366",
        Sites = "attentions, residual branches, projections",
        Summary = "Several methods as one, each behind a learned gate (UniPELT) or plain (MAM).",
        Formula = "each part's own; gated: the part times g, the mean over the sequence's tokens of σ(w·x + b), one g a sequence",
        OptionsType = typeof(UnionOptions),
        Layouts = [new UnionAdapterHub(), new UnionPeft()],
        Presets = new Dictionary<string, Func<MethodOptions>> { ["mam"] = () => new UnionOptions { Parts = UnionOptions.Mam() } },
    };

    /// <inheritdoc/>
    public override MethodOptions Options => options;

    /// <inheritdoc/>
    protected override void OnAttach(MethodHost host)
    {
        foreach (var part in options.EffectiveParts) AddPart(part, host);
        TrainModules(options.ModulesToSave);
        if (Tensors.Count == 0) throw new PeftException("UNION: none of its parts trains anything in this model; name a part that does.");
    }
}
