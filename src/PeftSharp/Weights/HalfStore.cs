using PeftSharp.Interop;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Weights;

/// <summary>A frozen weight kept in bfloat16: cast once, multiplied in bfloat16, everything around it in float32.</summary>
/// <remarks>With a handful of rows, inputs stay in float32: reading the weights is all that takes time.</remarks>
internal sealed unsafe class HalfStore(Tensor weight) : WeightStore, IRowProduct
{
    // Where the rows lie; null unless they are one matrix in the CPU's memory, each row behind the other.
    private readonly ushort* _rows =
        weight.dim() == 2 && weight.device.type == DeviceType.CPU && weight.is_contiguous() && weight.numel() > 0
            ? (ushort*)TensorPointer.OfFirst(weight) : null;

    /// <summary>The tensor itself, bfloat16 [out, in].</summary>
    public Tensor Weight { get; } = weight;

    /// <inheritdoc/>
    public override long OutFeatures { get; } = weight.shape[0];

    /// <inheritdoc/>
    public override long InFeatures { get; } = weight.shape[1];

    /// <inheritdoc/>
    public override long Bytes => Count * 2;

    /// <inheritdoc/>
    public override string Kind => "bf16";

    /// <inheritdoc/>
    public override Tensor Linear(Tensor x, Tensor? bias = null) =>
        Linear(x, bias, x.dtype == ScalarType.BFloat16 ? ScalarType.Float32 : x.dtype);

    /// <inheritdoc/>
    internal override bool ComputesInHalf => true;

    /// <inheritdoc/>
    internal override Tensor Linear(Tensor x, Tensor? bias, ScalarType result)
    {
        var half = nn.functional.linear(x.to(ScalarType.BFloat16), Weight, bias?.to(ScalarType.BFloat16));
        return half.to(result);
    }

    bool IRowProduct.HasRows => _rows != null;

    void IRowProduct.Multiply(long first, long rows, float* x, int count, float* y, long stride)
    {
        for (var row = 0L; row < rows; row++)
            for (var i = 0; i < count; i++)
                y[i * stride + row] = RowDots.Half(_rows + (first + row) * InFeatures, x + i * InFeatures, InFeatures);
    }

    /// <inheritdoc/>
    public override Tensor Dense() => Weight.to(ScalarType.Float32);

    /// <inheritdoc/>
    internal override WeightStore Like(Tensor dense) => new HalfStore(dense.to(ScalarType.BFloat16).DetachFromDisposeScope());

    /// <inheritdoc/>
    public override void Dispose() => Weight.Dispose();
}
