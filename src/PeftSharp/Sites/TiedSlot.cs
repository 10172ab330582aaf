using PeftSharp.Weights;
using static TorchSharp.torch;

namespace PeftSharp.Sites;

/// <summary>The weight of an output head that is the embedding table itself: whatever the table's slot yields, the head reads.</summary>
/// <remarks>It is no tensor of its own: it is not counted, written or merged.</remarks>
internal sealed class TiedSlot(string name, TensorSlot table) : WeightSlot(name, new DenseStore(table.Base))
{
    /// <inheritdoc/>
    internal override bool IsPlain(ForwardContext context) => table.IsPlain(context);

    /// <inheritdoc/>
    internal override WeightStore Get(ForwardContext context) => table.Patched(context) is var (patch, value)
        ? patch.Of(new DenseStore(value), context)
        : new DenseStore(table.Get(context));
}
