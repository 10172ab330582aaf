using PeftSharp.Interop.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Weights;

/// <summary>
/// Another store, some of whose entries have other values. The dense matrix is made for a product and again in the backward pass, not kept
/// between them, and only the gradients of the values are computed.
/// </summary>
/// <param name="inner">The other store, which belongs to its slot.</param>
/// <param name="entries">Row-major positions, ascending, int64 [entries].</param>
/// <param name="values">[entries].</param>
internal sealed class PatchedStore(WeightStore inner, Tensor entries, Tensor values) : WeightStore
{
    /// <summary>Row-major positions of the values, ascending.</summary>
    public Tensor Entries => entries;

    /// <summary>The values in the type of the dense weight.</summary>
    public Tensor Values => values.to(Type);

    /// <summary>True if nothing but the values gets a gradient.</summary>
    public bool IsFrozenElsewhere => inner is DenseStore { Weight.requires_grad: false } or HalfStore or PackedStore;

    /// <inheritdoc/>
    public override long OutFeatures => inner.OutFeatures;

    /// <inheritdoc/>
    public override long InFeatures => inner.InFeatures;

    /// <inheritdoc/>
    public override long Bytes => 0;

    /// <inheritdoc/>
    public override string Kind => "dense";

    private ScalarType Type => inner is DenseStore dense ? dense.Weight.dtype : ScalarType.Float32;

    /// <inheritdoc/>
    public override Tensor Linear(Tensor x, Tensor? bias = null) =>
        PatchedProduct.Of(x, bias, [this]) ?? DenseProduct.Of(x, Dense(), bias);

    /// <inheritdoc/>
    public override Tensor Dense() => Patched(inner.Dense(), entries, values);

    /// <summary>A tensor with the values [entries] at its row-major positions [entries].</summary>
    public static Tensor Patched(Tensor dense, Tensor entries, Tensor values) =>
        dense.reshape(-1).scatter(0, entries, values.to(dense.dtype)).reshape(dense.shape);

    /// <summary>Writes the weight without a graph, with given values, into a contiguous tensor of its size and type.</summary>
    internal void WriteInto(Tensor target, Tensor own)
    {
        target.copy_(inner.Dense());
        target.view(-1).index_copy_(0, entries, own);
    }

    /// <inheritdoc/>
    internal override WeightStore Like(Tensor dense) => new DenseStore(dense);

    /// <inheritdoc/>
    public override void Dispose() { }
}
