using PeftSharp.Weights;
using static TorchSharp.torch;

namespace PeftSharp.Sites;

/// <summary>The weight of an output head that is the embedding table itself: whatever the table's slot yields, the head reads.</summary>
/// <remarks>It is no tensor of its own: it is not counted, written or merged.</remarks>
/// <param name="name">The weight's name.</param>
/// <param name="table">Where the table is read.</param>
/// <param name="blocks">
/// The table as its file keeps it, from which a token that is decoded reads fewer bytes while nothing changes the table; null where it is
/// kept in plain numbers.
/// </param>
internal sealed class TiedSlot(string name, TensorSlot table, GgufStore? blocks = null) : WeightSlot(name, new DenseStore(table.Base))
{
    private readonly DenseStore? _kept = blocks is null ? null : new(table.Base, blocks);

    /// <summary>Bytes that a token which is decoded reads of it.</summary>
    internal long BytesRead => blocks?.Bytes ?? Bytes;

    /// <inheritdoc/>
    internal override bool IsPlain(ForwardContext context) => table.IsPlain(context);

    /// <inheritdoc/>
    internal override WeightStore Get(ForwardContext context)
    {
        if (table.Patched(context) is var (patch, value)) return patch.Of(new DenseStore(value), context);
        var read = table.Get(context);
        return _kept is not null && ReferenceEquals(read, _kept.Weight) ? _kept : new DenseStore(read);
    }

    /// <inheritdoc/>
    /// <remarks>The table is its own slot's.</remarks>
    internal override void Release() => blocks?.Dispose();
}
