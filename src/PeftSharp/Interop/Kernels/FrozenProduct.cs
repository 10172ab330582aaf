using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Interop.Kernels;

/// <summary>
/// x·Wᵀ (+ b) of a weight that is not trained, in float32: by oneDNN where that is clearly faster on this processor, forward and in the
/// backward pass, which keeps nothing of x; by libtorch's own choice everywhere else.
/// </summary>
/// <remarks>libtorch gives float32 to MKL, whose kernels for processors of other makers use half of their width.</remarks>
internal sealed class FrozenProduct : FusedOperation
{
    // Multiplications below which a call costs more than it saves.
    private const long Least = 1 << 20;

    private static readonly Lazy<bool> Measured = new(ComputeProbe.OneDnnIsFaster);

    private readonly Tensor? _bias;

    private FrozenProduct(Tensor? bias) => _bias = bias;

    /// <summary>Whether products in float32 are oneDNN's here: part of what decides a run's bits.</summary>
    public static bool UsesOneDnn => Forced ?? Measured.Value;

    /// <summary>What a benchmark sets instead of measuring; null measures, once in a process.</summary>
    internal static bool? Forced { get; set; }

    /// <summary>x·Wᵀ (+ b), differentiable in x, and in the weight and the bias where these are trained.</summary>
    /// <param name="x">[…, in].</param>
    /// <param name="weight">[out, in].</param>
    /// <param name="bias">[out], or null.</param>
    public static Tensor Of(Tensor x, Tensor weight, Tensor? bias = null) =>
        Takes(x, weight) ? ByOneDnn(x, weight, bias) : nn.functional.linear(x, weight, bias);

    /// <summary>The same by oneDNN, whatever is faster; the weight is not trained.</summary>
    internal static Tensor ByOneDnn(Tensor x, Tensor weight, Tensor? bias) => bias is { requires_grad: true }
        ? new FrozenProduct(null).Apply(x, weight).Plus(bias)
        : new FrozenProduct(bias).Apply(x, weight);

    /// <summary>g·W, the gradient of x·Wᵀ by x, without a graph.</summary>
    public static Tensor Back(Tensor gradient, Tensor weight)
    {
        using var turned = weight.t();
        return Takes(gradient, turned) ? OneDnn.Linear(gradient, turned) : gradient.matmul(weight);
    }

    private static bool Takes(Tensor x, Tensor weight) =>
        Fits(x) && Fits(weight) && weight.dim() == 2 && !weight.requires_grad && x.dim() > 1
        && x.shape[^1] == weight.shape[1] && x.NumberOfElements * weight.shape[0] >= Least && UsesOneDnn;

    /// <inheritdoc/>
    private protected override bool Reads(int input) => input == 1;

    /// <inheritdoc/>
    private protected override Tensor Forward(IReadOnlyList<Tensor> inputs) => OneDnn.Linear(inputs[0], inputs[1], _bias);

    /// <inheritdoc/>
    private protected override Tensor?[] Backward(Tensor gradient, IReadOnlyList<Tensor> inputs)
    {
        using var turned = inputs[1].t();
        return [OneDnn.Linear(gradient, turned).DetachFromDisposeScope(), null];
    }
}
