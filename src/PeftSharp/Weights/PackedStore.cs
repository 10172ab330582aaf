using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Weights;

/// <summary>
/// A frozen weight in few bits. Products unpack it into a buffer that all stores of a thread share, in the forward and again in the
/// backward pass: no dense copy is kept.
/// </summary>
public abstract class PackedStore : WeightStore
{
    private PackedProduct? _product;
    private ScalarType _computeType = ScalarType.Float32;

    private protected PackedStore() { }

    /// <summary>
    /// Type that the product is computed in: float32 (default; a float64 input is then computed in float64), or bfloat16,
    /// which is faster where the processor has instructions for it and slower elsewhere. Inputs are cast to it and outputs back.
    /// </summary>
    /// <exception cref="PeftException">Set to another type.</exception>
    internal ScalarType ComputeType
    {
        get => _computeType;
        set => _computeType = value is ScalarType.Float32 or ScalarType.BFloat16 ? value
            : throw new PeftException($"Compute type {value} was given for a weight in few bits; use Float32 or BFloat16.");
    }

    /// <inheritdoc/>
    public override Tensor Linear(Tensor x, Tensor? bias = null) => Product.Linear(x, bias, x.dtype);

    /// <inheritdoc/>
    internal override bool ComputesInHalf => ComputeType == ScalarType.BFloat16;

    /// <inheritdoc/>
    internal override Tensor Linear(Tensor x, Tensor? bias, ScalarType result) => Product.Linear(x, bias, result);

    /// <summary>The weight as a new float32 tensor, [out, in], in the caller's dispose scope.</summary>
    public override Tensor Dense()
    {
        using var scope = NewDisposeScope();
        var dense = empty([OutFeatures, InFeatures], ScalarType.Float32, Device);
        DecodeInto(dense);
        return dense.MoveToOuterDisposeScope();
    }

    // Made when sizes are known; two threads may make it, and either will do.
    private PackedProduct Product => _product ??= new(this);

    /// <summary>The store on a device: itself if it is there; else a copy, and this one is released.</summary>
    /// <exception cref="PeftException">A store of this kind lives on the CPU alone.</exception>
    internal abstract PackedStore To(Device device);

    /// <summary>Where the store lives.</summary>
    internal abstract Device Device { get; }

    /// <summary>Writes the weight into a contiguous float32 or bfloat16 tensor of its size.</summary>
    internal abstract void DecodeInto(Tensor dense);
}
