namespace PeftSharp.Methods.Full;

/// <summary>
/// Full fine-tuning: a trained copy stands in for every tensor, so that the base itself stays untouched and comes back when the adapter is
/// off.
/// </summary>
internal sealed class FullMethod(string name, FullOptions options) : PeftMethod(name)
{
    /// <summary>What the registry says of it.</summary>
    public static MethodInfo Info { get; } = new()
    {
        Name = "full",
        Family = MethodFamily.Full,
        PeftType = "FULL",
        Paper = "the baseline of every comparison",
        Sites = "slots",
        Summary = "Every weight is trained.",
        Formula = "every tensor trained, from its own value",
        OptionsType = typeof(FullOptions),
        NeutralStart = true,
        Mergeable = true,
    };

    /// <inheritdoc/>
    public override MethodOptions Options => options;

    /// <inheritdoc/>
    protected override void OnAttach(MethodHost host)
    {
        foreach (var slot in host.Sites.Slots) TrainCopy(slot);
        TrainModules(options.ModulesToSave, head: false); // all trained already: only a name that means nothing is refused
    }
}
