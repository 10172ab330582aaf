using PeftSharp.Methods.Partial.Sparse;

namespace PeftSharp.Methods.Partial.Sam;

/// <summary>The second-order approximation method: the weights whose gradient of the training loss is largest are trained.</summary>
/// <remarks>
/// With a loss that is a parabola of the same curvature h in every weight, training the k weights of a mask can lower it by Σ g² / 2h at
/// most: the best mask is that of the k largest g² (the paper's closed form, h being the same for all as in its code). g is the gradient
/// of all examples together, so that what examples pull in opposite directions cancels, while the FISH mask adds up squares of single
/// examples. They are chosen once, before the first step, as <see cref="Fish.FishMethod"/> does. It is not sharpness-aware minimisation.
/// </remarks>
internal sealed class SamMethod(string name, SamOptions options) : SparseMethod(name)
{
    /// <summary>What the registry says of it.</summary>
    public static MethodInfo Info { get; } = new()
    {
        Name = "sam",
        Aliases = ["second-order-mask"],
        Family = MethodFamily.Partial,
        PeftType = "SAM",
        Paper = "Fu et al. 2023, arXiv 2211.15583",
        Sites = "slots",
        Summary = "Only the weights with the largest gradient of the whole loss are trained (second-order approximation), and the head.",
        Formula = "W' = W but at the k entries with the largest (∂L / ∂W)², L the mean loss of the examples, which are trained",
        OptionsType = typeof(SamOptions),
        Layouts = [new SparsePeft()],
        NeutralStart = true,
        Mergeable = true,
    };

    /// <inheritdoc/>
    public override MethodOptions Options => options;

    internal override WeightChoice Amount => options.Amount;

    /// <inheritdoc/>
    public override void OnPrepare(PreparationData data) => ChooseByData(() =>
    {
        var (gradients, _) = new ExampleGradients(Options.PeftType, Slots, Tag).Mean(data, options.Examples);
        // The order of g² is that of |g|, which does not lose small ones.
        foreach (var gradient in gradients) gradient.abs_();
        return (gradients, "gradient");
    });
}
