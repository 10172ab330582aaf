using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Sites;

/// <summary>A slot that yields a tensor: a bias, a norm's scale or shift, an embedding table.</summary>
public sealed class TensorSlot(string name, SlotKind kind, Tensor value) : Slot<Tensor>(name, kind, value)
{
    private readonly AdapterTable<EntryPatch> _patches = new();

    /// <summary>The adapter whose tensor this is; null for the base's.</summary>
    internal AdapterTag? Owner { get; set; }

    /// <inheritdoc/>
    /// <remarks>Where another adapter is trained, its own tensor stays out of the graph.</remarks>
    internal override Tensor Get(ForwardContext context)
    {
        var value = base.Get(context);
        return Owner is null || context.Trained is not { } trained || trained == Owner ? value : value.detach();
    }

    /// <inheritdoc/>
    public override long Count { get; } = value.numel();

    /// <inheritdoc/>
    internal override long Bytes => Base.numel() * Base.element_size();

    /// <inheritdoc/>
    public override Tensor Value => Base;

    /// <inheritdoc/>
    public override Tensor Copy() => Base.detach().clone();

    /// <inheritdoc/>
    public override Action ReplaceTensor(AdapterTag owner, Func<Tensor, ForwardContext, Tensor> replace) => Replace(owner, replace);

    /// <inheritdoc/>
    internal override Action ReplaceEntries(AdapterTag owner, EntryPatch patch)
    {
        var (undo, forget) = (Replace(owner, patch.Of), _patches.Add(owner, patch));
        return () =>
        {
            forget();
            undo();
        };
    }

    /// <summary>
    /// The one change of entries that makes up all that acts here in this call, with the value that it changes; null where there is none,
    /// or something else acts as well. Who reads a part of the tensor need not ask for a changed copy of all of it.
    /// </summary>
    internal (EntryPatch Patch, Tensor Value)? Patched(ForwardContext context)
    {
        if (!_patches.AnyOf(context.Selection) || context.Selection.IsPerRow) return null;
        if (context.Selection.Parts[0].Tree is not AdapterComposition.One { Adapter: var adapter }) return null;
        if (Replacements(adapter) != 1 || _patches.Of(adapter) is not [var patch]) return null;
        return (patch, Unreplaced(context));
    }

    /// <inheritdoc/>
    internal override IDisposable Keep(Tensor merged) => merged.detach().clone().DetachFromDisposeScope();

    /// <inheritdoc/>
    internal override Tensor? Replaced(AdapterComposition composition) => ReplacedValue(composition);

    /// <inheritdoc/>
    private protected override Tensor PerRow(IReadOnlyList<Tensor> choices, long[] choice) => Gather(choices, choice);

    /// <inheritdoc/>
    private protected override Tensor Mean(AdapterComposition.Average average, IReadOnlyList<Tensor> values) =>
        Mixture.Of([.. values.Select((value, i) => (value, average.Weights[i]))]);
}
