namespace PeftSharp.Methods.Partial.Head;

/// <summary>
/// Trains the head (and modules named under <c>modules_to_save</c>) on the frozen model: the floor that every method has to beat.
/// </summary>
internal sealed class HeadMethod(string name, HeadOptions options) : PeftMethod(name)
{
    /// <summary>What the registry says of it.</summary>
    public static MethodInfo Info { get; } = new()
    {
        Name = "head",
        Aliases = ["head-only", "linear-probe"],
        Family = MethodFamily.Partial,
        PeftType = "HEAD",
        Paper = "the floor of every comparison",
        Sites = "slots",
        Summary = "Only the task's head is trained.",
        Formula = "logits = head(hidden), the head alone trained",
        OptionsType = typeof(HeadOptions),
        NeutralStart = true,
        Mergeable = true,
    };

    /// <inheritdoc/>
    public override MethodOptions Options => options;

    /// <inheritdoc/>
    protected override void OnAttach(MethodHost host)
    {
        TrainModules(options.ModulesToSave);
        if (Tensors.Count == 0 && !host.IsPart)
            throw new PeftException("HEAD: the model has no head to train; load it for classification or regression.");
    }
}
