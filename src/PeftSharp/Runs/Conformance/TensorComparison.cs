using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Runs.Conformance;

/// <summary>
/// Compares tensors with reference numbers by one rule: error ≤ tolerance × max(largest entry of the tensor, 1e-3 × largest entry of the
/// quantity).
/// </summary>
internal static class TensorComparison
{
    /// <param name="quantity">Its name.</param>
    /// <param name="tolerance">The largest relative error that passes.</param>
    /// <param name="pairs">The tensors.</param>
    /// <param name="noise">An absolute error that rounding explains, by tensor; nothing for most.</param>
    public static ConformanceQuantity Of(
        string quantity,
            double tolerance, IReadOnlyList<(string Name, Tensor? Actual, Tensor Expected)> pairs,
            IReadOnlyDictionary<string, double>? noise = null)
    {
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        var largest = pairs.Max(p => Largest(p.Expected));
        var (worst, where) = (0.0, (string?)null);
        foreach (var (name, actual, expected) in pairs)
        {
            var error = Error(actual, expected, largest, noise?.GetValueOrDefault(name) ?? 0);
            if (error > worst || double.IsNaN(error))
                (worst, where) = (double.IsNaN(error) ? double.PositiveInfinity : error, Describe(name, actual, expected));
        }
        return new(quantity, worst, tolerance, pairs.Count == 1 && double.IsFinite(worst) ? null : where);
    }

    private static double Error(Tensor? actual, Tensor expected, double largest, double noise)
    {
        if (actual is null || actual.numel() != expected.numel()) return double.PositiveInfinity;
        var scale = Math.Max(Largest(expected), 1e-3 * largest);
        var difference = Largest(actual.to(ScalarType.Float64).flatten() - expected.to(ScalarType.Float64).flatten());
        if (difference <= noise) return 0;
        return scale == 0 ? (difference == 0 ? 0 : double.PositiveInfinity) : difference / scale;
    }

    private static string Describe(string name, Tensor? actual, Tensor expected) =>
        actual is null ? $"{name}: missing"
        : actual.numel() != expected
            .numel() ? $"{name}: shape [{string.Join(", ", actual.shape)}], expected [{string.Join(", ", expected.shape)}]"
        : name;

    public static double Largest(Tensor x) => x.numel() == 0 ? 0 : x.abs().max().to(ScalarType.Float64).item<double>();
}
