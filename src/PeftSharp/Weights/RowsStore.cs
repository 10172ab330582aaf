using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Weights;

/// <summary>Rows of another store, read as a weight of its own: one map of several that share a tensor. The other store owns the memory.</summary>
internal sealed class RowsStore(WeightStore whole, long first, long count) : WeightStore
{
    /// <inheritdoc/>
    public override long OutFeatures => count;

    /// <inheritdoc/>
    public override long InFeatures => whole.InFeatures;

    /// <inheritdoc/>
    public override long Bytes => 0;

    /// <inheritdoc/>
    public override string Kind => whole.Kind;

    /// <inheritdoc/>
    public override Tensor Linear(Tensor x, Tensor? bias = null) => nn.functional.linear(x, Dense(), bias);

    /// <inheritdoc/>
    public override Tensor Dense() => whole.Dense() is var dense && dense.dim() == 3 ? dense.narrow(1, first, count) : dense.narrow(0, first, count);

    /// <inheritdoc/>
    public override WeightStore Like(Tensor dense) => new DenseStore(dense);

    /// <inheritdoc/>
    public override void Dispose() { }
}
