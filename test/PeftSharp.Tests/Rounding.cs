using static TorchSharp.torch;

namespace PeftSharp.Tests;

/// <summary>
/// What rounding may leave between two ways to one result. It follows from the number format, not from what a processor gave.
/// </summary>
internal static class Rounding
{
    /// <summary>In float64, where laws of equality are judged: rounding hides nothing.</summary>
    public const double Exact = 1e-10;

    // How the errors of single steps fall together differs from processor to processor.
    private const int Few = 8;

    /// <summary>A few units in the last place, times the square root of the number of terms that one result is summed from.</summary>
    /// <param name="longestSum">Terms of the longest sum.</param>
    /// <param name="type">The number format.</param>
    public static double Of(long longestSum, ScalarType type = ScalarType.Float32) => type == ScalarType.Float64
        ? Exact
        : Few * Math.Pow(2, type == ScalarType.BFloat16 ? -8 : -23) * Math.Sqrt(longestSum);
}
