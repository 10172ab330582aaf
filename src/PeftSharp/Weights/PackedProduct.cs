using PeftSharp.Interop;
using PeftSharp.Interop.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Weights;

/// <summary>Products with packed weights of one input, which lie below each other as one matrix: one product serves them all.</summary>
/// <remarks>The weights are dequantised into a buffer that the thread shares, in the forward and again in the backward pass.</remarks>
internal sealed class PackedProduct(params PackedStore[] stores)
{
    private readonly long _rows = stores.Sum(s => s.OutFeatures), _columns = stores[0].InFeatures;

    /// <summary>x·Wᵀ (+ bias), differentiable in x and in the bias.</summary>
    /// <param name="x">[…, in].</param>
    /// <param name="bias">[sum of the widths], or null.</param>
    /// <param name="result">Type of the result.</param>
    public Tensor Linear(Tensor x, Tensor? bias, ScalarType result)
    {
        if (bias is { requires_grad: true }) return Linear(x, null, result).Plus(bias);
        return x.requires_grad && is_grad_enabled() ? PackedLinear.Apply(x, this, bias, result) : Multiply(x, bias, result);
    }

    /// <summary>x·Wᵀ (+ bias) without a graph; [.., in] → [.., out].</summary>
    public Tensor Multiply(Tensor x, Tensor? bias, ScalarType result)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var weight = Dequantized(x.dtype);
        return DenseProduct.Of(x.to(weight.dtype), weight, bias?.to(weight.dtype)).to(result).MoveToOuterDisposeScope();
    }

    /// <summary>g·W without a graph: the gradient of x·Wᵀ; [.., out] → [.., in].</summary>
    public Tensor MultiplyBack(Tensor gradient, ScalarType result)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var weight = Dequantized(gradient.dtype);
        return DenseProduct.Back(gradient.to(weight.dtype), weight).to(result).MoveToOuterDisposeScope();
    }

    // [rows, columns], valid until this thread dequantises again.
    private Tensor Dequantized(ScalarType inputType)
    {
        var type = inputType == ScalarType.BFloat16 ? inputType : stores[0].ComputeType;
        var dense = Scratch.Rent(type, _rows * _columns, stores[0].Device).narrow(0, 0, _rows * _columns).view(_rows, _columns);
        var row = 0L;
        foreach (var store in stores)
        {
            store.DecodeInto(stores.Length == 1 ? dense : dense.narrow(0, row, store.OutFeatures));
            row += store.OutFeatures;
        }
        return type == ScalarType.Float32 && inputType != ScalarType.Float32 ? dense.to(inputType) : dense;
    }
}
