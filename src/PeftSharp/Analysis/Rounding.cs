using PeftSharp.Interop;
using PeftSharp.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Analysis;

/// <summary>What rounding a merged weight does.</summary>
/// <param name="Type"><c>bf16</c>, <c>fp16</c> or <c>nf4</c>.</param>
/// <param name="UpdateError">‖round(W + ΔW) − (W + ΔW)‖ / ‖ΔW‖: above 1, more is rounded than was learned.</param>
/// <param name="OutputError">‖round(W + ΔW) − (W + ΔW)‖ / ‖W + ΔW‖: the relative error of the map's output for inputs of no preferred
/// direction.</param>
public sealed record RoundingError(string Type, double UpdateError, double OutputError)
{
    private const int Block = 64;

    /// <summary>The errors for each type.</summary>
    internal static IReadOnlyList<RoundingError> Of(Tensor weight, Tensor delta)
    {
        using var scope = NewDisposeScope();
        var merged = weight.to(ScalarType.Float32).Plus(delta).cpu();
        var (update, size) = (Norm(delta), Norm(merged));
        RoundingError Error(string type, Tensor rounded)
        {
            var error = Norm(rounded - merged);
            return new(type, error / update, error / size);
        }
        using var nf4 = FourBitStore.Quantize(merged, Block);
        return
        [
            Error("bf16", merged.to(ScalarType.BFloat16).to(ScalarType.Float32)),
            Error("fp16", merged.to(ScalarType.Float16).to(ScalarType.Float32)),
            Error("nf4", nf4.Dense()),
        ];
    }

    internal static double Norm(Tensor x)
    {
        using var scope = NewDisposeScope();
        return x.to(ScalarType.Float64).Squared().sum().sqrt().item<double>();
    }
}
