using PeftSharp.Interop.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Weights;

/// <summary>
/// Rows of another store, read as a weight of its own: one map of several that share a tensor. The other store owns the memory.
/// </summary>
internal sealed class RowsStore(WeightStore whole, RowBlocks rows) : WeightStore
{
    /// <inheritdoc/>
    public override long OutFeatures => rows.Rows;

    /// <inheritdoc/>
    public override long InFeatures => whole.InFeatures;

    /// <inheritdoc/>
    public override long Bytes => 0;

    /// <inheritdoc/>
    public override string Kind => whole.Kind;

    /// <inheritdoc/>
    public override Tensor Linear(Tensor x, Tensor? bias = null) => DenseProduct.Of(x, Dense(), bias);

    /// <inheritdoc/>
    public override Tensor Dense() => rows.Of(whole.Dense(), -2);

    /// <inheritdoc/>
    internal override WeightStore Like(Tensor dense) => new DenseStore(dense);

    /// <inheritdoc/>
    public override void Dispose() { }
}
