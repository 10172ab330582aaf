using PeftSharp.Interop;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Weights;

/// <summary>A weight kept as a plain tensor: [out, in], or [rows, out, in] where each row of the batch has its own.</summary>
public sealed class DenseStore(Tensor weight) : WeightStore
{
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
        if (Weight.dim() == 2) return nn.functional.linear(x, Weight, bias);
        var y = matmul(x, Weight.transpose(-1, -2));
        return bias is null ? y : y.Plus(bias);
    }

    /// <inheritdoc/>
    public override Tensor Dense() => Weight;

    /// <inheritdoc/>
    public override WeightStore Like(Tensor dense) => new DenseStore(dense);

    /// <inheritdoc/>
    public override void Dispose() => Weight.Dispose();
}
