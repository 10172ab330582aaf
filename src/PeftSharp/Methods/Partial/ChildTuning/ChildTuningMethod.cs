using PeftSharp.Interop;
using PeftSharp.Methods.Partial.Sparse;
using static TorchSharp.torch;

namespace PeftSharp.Methods.Partial.ChildTuning;

/// <summary>
/// Child-Tuning D: the weights with the largest Fisher information are trained, their gradients divided by the share that they are.
/// </summary>
/// <remarks>
/// They are chosen once, before the first step, as <see cref="Fish.FishMethod"/> does; <see cref="ChildTuningFreeMethod"/> is the other
/// mode.
/// </remarks>
internal sealed class ChildTuningMethod(string name, ChildTuningOptions options) : SparseMethod(name)
{
    /// <summary>What the registry says of both modes.</summary>
    public static MethodInfo Info { get; } = new()
    {
        Name = "child-tuning-d",
        Aliases = ["child-tuning"],
        Family = MethodFamily.Partial,
        PeftType = "CHILD_TUNING",
        Paper = "Xu et al. 2021, arXiv 2109.05687",
        Sites = "slots",
        Summary = "Only a part of the weights takes part in a step: a chosen one (D), or another random one each step (F).",
        Formula = "∂W ← M ⊙ ∂W / p; D: M the share p of entries with the largest Fisher information; F: M drawn anew each step, "
            + "P(M = 1) = p",
        OptionsType = typeof(ChildTuningOptions),
        Layouts = [new ChildTuningPeft()],
        NeutralStart = true,
        Mergeable = true,
        Presets = new Dictionary<string, Func<MethodOptions>> { ["child-tuning-f"] = () => new ChildTuningOptions { Mode = "F" } },
    };

    /// <inheritdoc/>
    public override MethodOptions Options => options;

    internal override WeightChoice Amount => new("reserve_p", options.Reserve);

    /// <inheritdoc/>
    public override void OnPrepare(PreparationData data) => ChooseByData(() => (
        new ExampleGradients(Options.PeftType, Slots, Tag).Fisher(data, options.Examples, expected: false).Scores, "empirical"));

    /// <inheritdoc/>
    public override void AfterBackward(StepState step)
    {
        using var guard = no_grad();
        foreach (var values in TrainedValues) values.Value.grad?.Scale(1 / options.Reserve);
    }
}
