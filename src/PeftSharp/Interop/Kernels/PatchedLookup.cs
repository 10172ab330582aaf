using System.Numerics;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Interop.Kernels;

/// <summary>
/// Rows of an embedding table of which some entries have other values: those of the rows that are looked up take part, and only their
/// gradients are computed. The table is neither copied nor does it get a gradient of its size.
/// </summary>
/// <param name="table">The table, [vocabulary, dim], which gets no gradient.</param>
/// <param name="entries">Row-major positions in it, ascending, int64 [entries].</param>
/// <param name="ids">Which rows are looked up.</param>
internal sealed unsafe class PatchedLookup(Tensor table, Tensor entries, long[] ids) : FusedOperation
{
    /// <summary>Whether the lookup is computed here.</summary>
    public static bool FitsTable(Tensor table) =>
        table.device.type == DeviceType.CPU && table.dim() == 2 && table.dtype is ScalarType.Float32 or ScalarType.Float64;

    /// <summary>The rows, [ids, dim], with the values [entries] in their places; both of the table's type.</summary>
    public Tensor Of(Tensor values) => Apply(values);

    /// <inheritdoc/>
    private protected override Tensor Forward(IReadOnlyList<Tensor> inputs)
    {
        using var index = tensor(ids, ScalarType.Int64);
        var vectors = table.index_select(0, index);
        if (vectors.numel() == 0) return vectors;
        using var values = inputs[0].contiguous();
        if (table.dtype == ScalarType.Float64) Put((double*)TensorPointer.Of(vectors), (double*)TensorPointer.Of(values));
        else Put((float*)TensorPointer.Of(vectors), (float*)TensorPointer.Of(values));
        GC.KeepAlive(vectors);
        return vectors;
    }

    /// <inheritdoc/>
    private protected override Tensor?[] Backward(Tensor gradient, IReadOnlyList<Tensor> inputs)
    {
        var sums = zeros(inputs[0].shape, dtype: table.dtype).DetachFromDisposeScope();
        if (gradient.numel() == 0) return [sums];
        using var given = gradient.contiguous();
        if (table.dtype == ScalarType.Float64) Gather((double*)TensorPointer.Of(given), (double*)TensorPointer.Of(sums));
        else Gather((float*)TensorPointer.Of(given), (float*)TensorPointer.Of(sums));
        GC.KeepAlive(sums);
        return [sums];
    }

    private void Put<T>(T* vectors, T* values) where T : unmanaged =>
        EachEntry((place, entry) => vectors[place] = values[entry]);

    private void Gather<T>(T* gradient, T* sums) where T : unmanaged, INumber<T> =>
        EachEntry((place, entry) => sums[entry] += gradient[place]);

    // Where an entry stands among the vectors, and which it is, in the order of the ids.
    private void EachEntry(Action<long, long> read)
    {
        var count = (int)entries.numel();
        if (count == 0) return;
        var all = new ReadOnlySpan<long>(TensorPointer.Of(entries), count);
        var width = table.shape[1];
        for (var i = 0; i < ids.Length; i++)
        {
            var start = ids[i] * width;
            var first = all.BinarySearch(start);
            for (var k = first < 0 ? ~first : first; k < count && all[k] < start + width; k++) read(i * width + all[k] - start, k);
        }
        GC.KeepAlive(entries);
    }
}
