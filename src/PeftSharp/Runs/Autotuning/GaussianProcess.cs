namespace PeftSharp.Runs.Autotuning;

/// <summary>
/// What is to be expected between measured points (Rasmussen and Williams 2006): a Gaussian process with Matérn's kernel of smoothness 5/2,
/// a length for each feature, one for all layer bits (whose squared distance is the share of bits that differ), and noise. Lengths and
/// noise are those of the highest posterior density under weak log-normal priors, so that a few points do not make it sure of anything.
/// </summary>
internal sealed class GaussianProcess
{
    private const double Jitter = 1e-9, UsualLength = 0.7, UsualNoise = 0.05;

    private readonly IReadOnlyList<double[]> _points;
    private readonly int _layers;
    private readonly double _mean, _scale;
    private readonly double[] _values;
    private double[] _lengths;
    private double[,] _factor;
    private double[] _weights;
    private double _variance;

    private GaussianProcess(IReadOnlyList<double[]> points, IReadOnlyList<double> values, int layers)
    {
        (_points, _layers) = (points, layers);
        _mean = values.Average();
        var deviation = Math.Sqrt(values.Sum(v => (v - _mean) * (v - _mean)) / values.Count);
        _scale = deviation > 0 ? deviation : 1;
        _values = [.. values.Select(v => (v - _mean) / _scale)];
        (_lengths, _factor, _weights) = ([], new double[0, 0], []);
    }

    /// <summary>Fits a process to points.</summary>
    /// <param name="points">Their features; at least one point.</param>
    /// <param name="values">Their values.</param>
    /// <param name="layers">How many features at the end are layer bits.</param>
    public static GaussianProcess Fit(IReadOnlyList<double[]> points, IReadOnlyList<double> values, int layers)
    {
        var process = new GaussianProcess(points, values, layers);
        process.Search();
        return process;
    }

    /// <summary>Mean and deviation of the value at a point, without the noise of a measurement.</summary>
    public (double Mean, double Deviation) At(double[] point)
    {
        var covariances = _points.Select(p => Kernel(p, point, _lengths)).ToArray();
        var mean = covariances.Zip(_weights, (c, w) => c * w).Sum();
        var solved = Forward(_factor, covariances);
        var left = Math.Max(0, 1 - solved.Sum(s => s * s));
        return (_mean + _scale * mean, _scale * Math.Sqrt(_variance * left));
    }

    // Coordinate by coordinate in the logarithm, with steps that become smaller.
    private void Search()
    {
        var axes = _points[0].Length - _layers + (_layers > 0 ? 1 : 0);
        double[] best = [.. Enumerable.Repeat(Math.Log(UsualLength), axes), Math.Log(UsualNoise)];
        var density = Density(best);
        for (var step = 1.0; step > 0.1; step /= 2)
            for (var axis = 0; axis < best.Length; axis++)
                foreach (var by in (double[])[step, -step])
                    while (Density(Moved(best, axis, by)) is var next && next > density + 1e-9)
                        (best, density) = (Moved(best, axis, by), next);
        Density(best);
    }

    private static double[] Moved(double[] at, int axis, double by)
    {
        var moved = (double[])at.Clone();
        moved[axis] += by;
        return moved;
    }

    // Keeps the factors of the parameters that it is asked for; the scale of the values has a closed form.
    private double Density(double[] parameters)
    {
        var (count, noise) = (_points.Count, Math.Exp(parameters[^1]));
        var lengths = parameters[..^1].Select(Math.Exp).ToArray();
        var matrix = new double[count, count];
        for (var i = 0; i < count; i++)
            for (var j = 0; j <= i; j++) matrix[i, j] = Kernel(_points[i], _points[j], lengths) + (i == j ? noise + Jitter : 0);
        var factor = Cholesky(matrix);
        var solved = Forward(factor, _values);
        var variance = Math.Max(1e-12, solved.Sum(s => s * s) / count);
        (_lengths, _factor, _variance, _weights) = (lengths, factor, variance, Backward(factor, solved));
        var determinant = Enumerable.Range(0, count).Sum(i => Math.Log(factor[i, i]));
        var prior = parameters[..^1].Sum(p => Squared(p - Math.Log(UsualLength))) + Squared((parameters[^1] - Math.Log(UsualNoise)) / 1.5);
        return -count / 2.0 * Math.Log(variance) - determinant - prior / 2;
    }

    private double Kernel(double[] a, double[] b, double[] lengths)
    {
        var (sum, plain) = (0.0, a.Length - _layers);
        for (var i = 0; i < plain; i++) sum += Squared((a[i] - b[i]) / lengths[i]);
        var bits = 0.0;
        for (var i = plain; i < a.Length; i++) bits += Math.Abs(a[i] - b[i]);
        if (_layers > 0) sum += bits / _layers / Squared(lengths[^1]);
        var distance = Math.Sqrt(5 * sum);
        return (1 + distance + distance * distance / 3) * Math.Exp(-distance);
    }

    private static double Squared(double x) => x * x;

    // The lower triangle L of a matrix M = L·Lᵀ, of which the lower triangle is read.
    private static double[,] Cholesky(double[,] matrix)
    {
        var count = matrix.GetLength(0);
        var factor = new double[count, count];
        for (var i = 0; i < count; i++)
            for (var j = 0; j <= i; j++)
            {
                var sum = matrix[i, j];
                for (var k = 0; k < j; k++) sum -= factor[i, k] * factor[j, k];
                factor[i, j] = i == j ? Math.Sqrt(Math.Max(sum, 1e-14)) : sum / factor[j, j];
            }
        return factor;
    }

    // L⁻¹·b.
    private static double[] Forward(double[,] factor, double[] b)
    {
        var solved = new double[b.Length];
        for (var i = 0; i < b.Length; i++)
        {
            var sum = b[i];
            for (var k = 0; k < i; k++) sum -= factor[i, k] * solved[k];
            solved[i] = sum / factor[i, i];
        }
        return solved;
    }

    // L⁻ᵀ·b.
    private static double[] Backward(double[,] factor, double[] b)
    {
        var solved = new double[b.Length];
        for (var i = b.Length - 1; i >= 0; i--)
        {
            var sum = b[i];
            for (var k = i + 1; k < b.Length; k++) sum -= factor[k, i] * solved[k];
            solved[i] = sum / factor[i, i];
        }
        return solved;
    }
}
