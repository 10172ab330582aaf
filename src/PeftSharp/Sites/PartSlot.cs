using PeftSharp.Weights;

namespace PeftSharp.Sites;

/// <summary>The weight of one map among several that share a tensor: rows of what the whole's slot yields.</summary>
/// <remarks>It is no tensor of its own: it is not counted or written, and what is merged into it goes into the whole.</remarks>
internal sealed class PartSlot(string name, WeightSlot whole, RowBlocks rows) : WeightSlot(name, new RowsStore(whole.Base, rows))
{
    /// <summary>The slot that holds the tensor.</summary>
    public WeightSlot Whole => whole;

    /// <summary>The part's rows in the whole.</summary>
    public RowBlocks Rows => rows;

    /// <inheritdoc/>
    internal override WeightStore Get(ForwardContext context) => new RowsStore(whole.Get(context), rows);
}
