using PeftSharp.Interop;
using PeftSharp.Interop.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Weights;

/// <summary>A weight kept as a plain tensor: [out, in], or [rows, out, in] where each row of the batch has its own.</summary>
/// <param name="weight">The tensor.</param>
/// <param name="packed">The same weight in fewer bytes, somebody else's, to be multiplied with a handful of rows; null for none.</param>
internal sealed unsafe class DenseStore(Tensor weight, IRowProduct? packed = null) : WeightStore, IRowProduct
{
    // Where the rows lie; null unless they are one matrix in float32, each row behind the other.
    private readonly float* _rows = weight.dim() == 2 && FusedOperation.Fits(weight) && weight.is_contiguous() && weight.numel() > 0
        ? (float*)TensorPointer.OfFirst(weight) : null;

    /// <summary>The tensor itself.</summary>
    public Tensor Weight { get; } = weight;

    /// <inheritdoc/>
    public override long OutFeatures { get; } = weight.shape[^2];

    /// <inheritdoc/>
    public override long InFeatures { get; } = weight.shape[^1];

    /// <inheritdoc/>
    public override long Bytes => Weight.numel() * Weight.element_size();

    /// <inheritdoc/>
    public override string Kind => "dense";

    /// <inheritdoc/>
    public override Tensor Linear(Tensor x, Tensor? bias = null)
    {
        if (Weight.dim() == 2) return DenseProduct.Of(x, Weight, bias);
        var y = matmul(x, Weight.transpose(-1, -2));
        return bias is null ? y : y.Plus(bias);
    }

    bool IRowProduct.HasRows => packed?.HasRows ?? _rows != null;

    void IRowProduct.Multiply(long first, long rows, float* x, int count, float* y, long stride)
    {
        if (packed is not null)
        {
            packed.Multiply(first, rows, x, count, y, stride);
            return;
        }
        for (var row = 0L; row < rows; row++)
            for (var i = 0; i < count; i++)
                y[i * stride + row] = RowDots.Single(_rows + (first + row) * InFeatures, x + i * InFeatures, InFeatures);
    }

    /// <inheritdoc/>
    public override Tensor Dense() => Weight;

    /// <inheritdoc/>
    internal override WeightStore Like(Tensor dense) => new DenseStore(dense);

    /// <inheritdoc/>
    public override void Dispose() => Weight.Dispose();
}
