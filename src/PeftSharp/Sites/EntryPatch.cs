using PeftSharp.Interop.Kernels;
using PeftSharp.Weights;
using static TorchSharp.torch;

namespace PeftSharp.Sites;

/// <summary>Other values for some entries of a base tensor.</summary>
/// <param name="entries">Row-major positions, ascending, each once, int64 [entries]; they outlive the patch.</param>
/// <param name="values">The values in a call, [entries].</param>
internal sealed class EntryPatch(Tensor entries, Func<ForwardContext, Tensor> values)
{
    /// <summary>A tensor with the values in their places.</summary>
    public Tensor Of(Tensor value, ForwardContext context) => PatchedStore.Patched(value, entries, values(context));

    /// <summary>A weight with the values in their places.</summary>
    /// <remarks>A dense matrix at once where a call asks for one token after the other, which kernels of few rows read.</remarks>
    public WeightStore Of(WeightStore weight, ForwardContext context) => context.Cache is null
        ? new PatchedStore(weight, entries, values(context))
        : new DenseStore(Of(weight.Dense(), context));

    /// <summary>Rows of a table with the values in their places: ids […] → […, dim].</summary>
    public Tensor Lookup(Tensor table, Tensor ids, ForwardContext context)
    {
        var rows = new PatchedLookup(table, entries, ids.flatten().data<long>().ToArray());
        return rows.Of(values(context).to(table.dtype)).view([.. ids.shape, table.shape[1]]);
    }
}
