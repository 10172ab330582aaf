namespace PeftSharp.Runs.Autotuning;

/// <summary>The normal distribution of mean 0 and deviation 1.</summary>
internal static class NormalDistribution
{
    private const double Far = 8;

    /// <summary>Density at x.</summary>
    public static double Density(double x) => Math.Exp(-x * x / 2) / Math.Sqrt(2 * Math.PI);

    /// <summary>
    /// Probability of less than x, to 15 digits: ½ + φ(x)·(x + x³/3 + x⁵/(3·5) + …) near the middle (Marsaglia 2004), and 0 or 1 beyond 8
    /// deviations.
    /// </summary>
    public static double Below(double x)
    {
        if (x < -Far) return 0;
        if (x > Far) return 1;
        var (sum, term) = (x, x);
        for (var i = 3; sum + term != sum; i += 2)
        {
            term *= x * x / i;
            sum += term;
        }
        return 0.5 + sum * Density(x);
    }
}
