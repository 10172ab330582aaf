using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Weights;

/// <summary>The weight of a linear map, [out, in], in whatever form it is kept.</summary>
public abstract class WeightStore : IDisposable
{
    /// <summary>Rows of the weight.</summary>
    public abstract long OutFeatures { get; }

    /// <summary>Columns of the weight.</summary>
    public abstract long InFeatures { get; }

    /// <summary>Bytes that the stored form takes, scales included.</summary>
    public abstract long Bytes { get; }

    /// <summary>Number of weights.</summary>
    public virtual long Count => OutFeatures * InFeatures;

    /// <summary>Short name of the form: <c>dense</c>, <c>bf16</c>, <c>nf4</c> …</summary>
    public abstract string Kind { get; }

    /// <summary>True if the weight is kept as codes of a few bits, so that a changed one would be rounded to other codes.</summary>
    public virtual bool IsQuantized => false;

    /// <summary>x·Wᵀ (+ bias), differentiable in x (and in the weight where it is trained).</summary>
    /// <param name="x">[…, in], the model's element type.</param>
    /// <param name="bias">[out], or null.</param>
    /// <returns>[…, out], in the type of <paramref name="x"/>.</returns>
    public abstract Tensor Linear(Tensor x, Tensor? bias = null);

    /// <summary>True if products are computed in bfloat16, so that inputs and results may stay in it.</summary>
    internal virtual bool ComputesInHalf => false;

    /// <summary>
    /// x·Wᵀ (+ bias) with the result in the given type, which is that of <paramref name="x"/> unless <see cref="ComputesInHalf"/>.
    /// </summary>
    internal virtual Tensor Linear(Tensor x, Tensor? bias, ScalarType result) => Linear(x, bias);

    /// <summary>
    /// The weight as a dense [out, in] tensor in the precision that the model computes in. Belongs to the store where it is kept dense: do
    /// not write to it.
    /// </summary>
    public abstract Tensor Dense();

    /// <summary>A store of the same form holding <paramref name="dense"/> (a merged weight); lossy where the form is.</summary>
    internal abstract WeightStore Like(Tensor dense);

    /// <summary>Releases the stored tensors.</summary>
    public abstract void Dispose();
}
