using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Interop.Kernels;

/// <summary>
/// x·Wᵀ (+ b) in float32: forward and back to the input by oneDNN where that is faster on this processor; by libtorch's own choice
/// everywhere else.
/// </summary>
/// <remarks>libtorch gives float32 to MKL, whose kernels for processors of other makers use half of their width.</remarks>
internal sealed class DenseProduct : FusedOperation
{
    // Multiplications below which a call costs more than it saves.
    private const long Least = 1 << 20;

    private static readonly Lazy<bool> Measured = new(ComputeProbe.OneDnnIsFaster);

    private readonly bool _forInput, _forWeight, _forBias;

    private DenseProduct(Tensor x, Tensor weight, Tensor? bias) =>
        (_forInput, _forWeight, _forBias) = (x.requires_grad, weight.requires_grad, bias is { requires_grad: true });

    /// <summary>Whether products in float32 are oneDNN's here: part of what decides a run's bits.</summary>
    public static bool UsesOneDnn => Forced ?? Measured.Value;

    /// <summary>What a benchmark sets instead of measuring; null measures, once in a process.</summary>
    internal static bool? Forced { get; set; }

    /// <summary>x·Wᵀ (+ b), differentiable in all of them.</summary>
    /// <param name="x">[…, in].</param>
    /// <param name="weight">[out, in].</param>
    /// <param name="bias">[out], or null.</param>
    public static Tensor Of(Tensor x, Tensor weight, Tensor? bias = null) =>
        Takes(x, weight) ? ByOneDnn(x, weight, bias) : nn.functional.linear(x, weight, bias);

    /// <summary>The same by oneDNN, whatever is faster.</summary>
    internal static Tensor ByOneDnn(Tensor x, Tensor weight, Tensor? bias) =>
        new DenseProduct(x, weight, bias).Apply(bias is null ? [x, weight] : [x, weight, bias]);

    /// <summary>g·W, the gradient of x·Wᵀ by x, without a graph.</summary>
    public static Tensor Back(Tensor gradient, Tensor weight)
    {
        using var turned = weight.t();
        return Takes(gradient, turned) ? OneDnn.Linear(gradient, turned) : gradient.matmul(weight);
    }

    private static bool Takes(Tensor x, Tensor weight) =>
        Fits(x) && Fits(weight) && weight.dim() == 2 && x.dim() > 1
        && x.shape[^1] == weight.shape[1] && x.NumberOfElements * weight.shape[0] >= Least && UsesOneDnn;

    /// <inheritdoc/>
    private protected override bool Reads(int input) => input == 1 || (input == 0 && _forWeight);

    /// <inheritdoc/>
    private protected override Tensor Forward(IReadOnlyList<Tensor> inputs)
    {
        var (x, weight, bias) = (inputs[0], inputs[1], inputs.Count > 2 ? inputs[2] : null);
        // oneDNN turns the weight as it reads it, which costs more than it gains where long rows make few outputs.
        return weight.shape[0] < weight.shape[1] ? nn.functional.linear(x, weight, bias) : OneDnn.Linear(x, weight, bias);
    }

    /// <inheritdoc/>
    private protected override Tensor?[] Backward(Tensor gradient, IReadOnlyList<Tensor> inputs)
    {
        using var scope = NewDisposeScope();
        var results = new Tensor?[inputs.Count];
        if (_forInput) results[0] = OneDnn.Linear(gradient, inputs[1].t()).DetachFromDisposeScope();
        if (!_forWeight && !_forBias) return results;
        var rows = gradient.reshape(-1, gradient.shape[^1]); // [rows, out]
        // MKL reads both operands as they lie, where oneDNN would copy one.
        if (_forWeight) results[1] = rows.t().matmul(inputs[0].reshape(-1, inputs[0].shape[^1])).DetachFromDisposeScope();
        if (_forBias) results[2] = rows.sum([0L]).DetachFromDisposeScope();
        return results;
    }
}
