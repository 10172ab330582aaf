using PeftSharp.Methods.Partial.Sparse;

namespace PeftSharp.Methods.Partial.Fish;

/// <summary>FISH mask: the weights with the largest Fisher information are trained.</summary>
/// <remarks>
/// They are chosen once, before the first step of training. Until then, and where training never prepares the adapter, as many weights with
/// the largest magnitudes outside the embedding tables stand in. <see cref="SparseMethod.ChosenBy"/> says <c>empirical</c> or
/// <c>expected</c> afterwards.
/// </remarks>
internal sealed class FishMethod(string name, FishOptions options) : SparseMethod(name)
{
    /// <summary>What the registry says of it.</summary>
    public static MethodInfo Info { get; } = new()
    {
        Name = "fish",
        Aliases = ["fish-mask"],
        Family = MethodFamily.Partial,
        PeftType = "FISH",
        Paper = "Sung et al. 2021, arXiv 2111.09839",
        Sites = "slots",
        Summary = "Only the weights with the largest Fisher information are trained, and the head.",
        Formula = "W' = W but at the k entries with the largest mean of (∂ log p(label) / ∂W)², which are trained",
        OptionsType = typeof(FishOptions),
        Layouts = [new SparsePeft()],
        NeutralStart = true,
        Mergeable = true,
    };

    /// <inheritdoc/>
    public override MethodOptions Options => options;

    internal override WeightChoice Amount => options.Amount;

    /// <inheritdoc/>
    public override void OnPrepare(PreparationData data) => ChooseByData(() => (
        new ExampleGradients(Options.PeftType, Slots, Tag).Fisher(data, options.Examples, options.Expected).Scores,
        options.Expected ? "expected" : "empirical"));
}
