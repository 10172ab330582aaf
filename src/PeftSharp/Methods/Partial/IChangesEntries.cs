using PeftSharp.Sites;

namespace PeftSharp.Methods.Partial;

/// <summary>A method that changes single entries of base tensors and leaves the others as they are.</summary>
internal interface IChangesEntries
{
    /// <summary>Each tensor whose entries it may change, with the row-major positions of those that it does, ascending.</summary>
    IEnumerable<(Slot Slot, long[] Positions)> ChangedEntries();
}
