using PeftSharp.Models;
using PeftSharp.Weights;
using static TorchSharp.torch;

namespace PeftSharp.Runs.Proof;

/// <summary>In which precision answers were computed: what rounding they may differ by depends on it.</summary>
public sealed record ProofPrecision
{
    /// <summary>The type of products with frozen weights: <c>fp32</c> or <c>bf16</c>.</summary>
    public required string Compute { get; init; }

    /// <summary>
    /// How frozen weights are quantised in memory, for example <c>nf4/64</c> or <c>nf4/64 double</c>; null where they are not.
    /// </summary>
    public string? Quantization { get; init; }

    /// <summary>The floating-point types of the weights on disk, for example <c>F32</c>.</summary>
    public required string Stored { get; init; }

    /// <summary>The precision of a model as it was loaded.</summary>
    /// <param name="model">The model.</param>
    /// <param name="stored">Its tensors on disk.</param>
    public static ProofPrecision Of(TransformerModel model, WeightsPrint stored)
    {
        var stores = model.Sites.Projections.Select(p => p.Weight.Base).ToList();
        return new()
        {
            Compute = stores.Any(s => s is HalfStore or PackedStore { ComputeType: ScalarType.BFloat16 }) ? "bf16" : "fp32",
            Quantization = stores.Select(Models.Quantization.Of).FirstOrDefault(form => form is not null)?.Short,
            Stored = string.Join(
                ", ",
                stored.Tensors.Values.Select(t => t.Dtype)
                    .Where(t => t.Contains('F', StringComparison.Ordinal))
                    .Distinct()
                    .Order(StringComparer.Ordinal)),
        };
    }

    /// <summary>
    /// By how much answers of two precisions may differ, as a share of the larger of 1 and the largest answer; and why.
    /// </summary>
    public static (double Tolerance, string Reason) Between(ProofPrecision expected, ProofPrecision found) =>
        expected == found ? (Exact, "the same precision: only the order of sums may differ")
        : expected.Quantization == found.Quantization ? (Half, "one side rounds weights or products to 8 or 11 bits")
        : IsInEight(expected) && IsInEight(found)
            ? (EightBits, "one side keeps frozen weights in 8 bits: each is off by up to 0.4 % of its row's largest")
        : (FourBits, "one side keeps frozen weights in 4 bits: each is off by up to 17 % of its block's largest");

    // Or in more.
    private static bool IsInEight(ProofPrecision precision) => precision.Quantization is null or "int8";

    // Measured differences, which these are wider than, are in docs/verify.md.
    private const double Exact = 1e-4, Half = 3e-2, EightBits = 0.1, FourBits = 0.5;

    /// <inheritdoc/>
    public override string ToString() => $"{Compute}, weights {Quantization ?? Stored}";
}
