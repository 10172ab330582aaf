namespace PeftSharp.Metrics;

/// <summary>Correlation of two series.</summary>
internal static class Correlation
{
    public static double Pearson(double[] x, double[] y)
    {
        var (meanX, meanY) = (x.Average(), y.Average());
        double xy = 0, xx = 0, yy = 0;
        for (var i = 0; i < x.Length; i++)
        {
            var (dx, dy) = (x[i] - meanX, y[i] - meanY);
            xy += dx * dy;
            xx += dx * dx;
            yy += dy * dy;
        }
        // Constant series often have rounding noise instead of zero variance.
        if (IsConstant(x) || IsConstant(y)) return double.NaN;
        return Math.Clamp(xy / (Math.Sqrt(xx) * Math.Sqrt(yy)), -1, 1);
    }

    /// <summary>Ranks from 1; equal values share the mean of theirs.</summary>
    public static double[] Ranks(double[] values)
    {
        int[] order = [.. Enumerable.Range(0, values.Length).OrderBy(i => values[i])];
        var ranks = new double[values.Length];
        for (var start = 0; start < order.Length;)
        {
            var end = start + 1;
            while (end < order.Length && values[order[end]] == values[order[start]]) end++;
            for (var i = start; i < end; i++) ranks[order[i]] = (start + 1 + end) / 2.0;
            start = end;
        }
        return ranks;
    }

    private static bool IsConstant(double[] values) => Array.TrueForAll(values, value => value == values[0]);
}
