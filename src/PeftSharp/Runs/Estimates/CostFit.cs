namespace PeftSharp.Runs.Estimates;

/// <summary>Seconds of a batch as a·passes + b·work, fitted to batches that were timed.</summary>
internal sealed record CostFit(double PerPass, double PerWork, double Quick, double Slow)
{
    // A few batches never show all that a machine does in an hour.
    private const double LeastSpread = 0.1;

    /// <summary>Fits both by least squares; neither is negative. Batches of one size decide one of them only.</summary>
    public static CostFit Of(IReadOnlyCollection<ProbedBatch> batches)
    {
        // Noise grows with the time: weighted by 1/work, a large batch counts no more than its parts would.
        double pp = 0, pw = 0, ww = 0, py = 0, wy = 0;
        foreach (var (passes, work, seconds) in batches.Select(b => (b.Passes, b.Work, b.Seconds)))
        {
            pp += passes * passes / work;
            pw += passes;
            ww += work;
            py += passes * seconds / work;
            wy += seconds;
        }
        var determinant = pp * ww - pw * pw;
        var fit = determinant > 1e-9 * pp * ww
            ? ((py * ww - wy * pw) / determinant, (pp * wy - pw * py) / determinant)
            : (0, wy / ww);
        if (fit.Item1 < 0) fit = (0, wy / ww);
        if (fit.Item2 < 0) fit = (py / pp, 0);
        var ratios = batches.Select(b => b.Seconds / (fit.Item1 * b.Passes + fit.Item2 * b.Work)).Order().ToArray();
        var half = (ratios.Length + 1) / 2;
        return new(
            fit.Item1, fit.Item2, Math.Min(1 - LeastSpread, ratios[..half].Average()),
            Math.Max(1 + LeastSpread, ratios[^half..].Average()));
    }

    public double Seconds(double passes, double work) => PerPass * passes + PerWork * work;

    public TimeRange Range(double passes, double work) =>
        new(Quick * Seconds(passes, work), Seconds(passes, work), Slow * Seconds(passes, work));
}
