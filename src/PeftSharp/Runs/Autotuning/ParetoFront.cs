namespace PeftSharp.Runs.Autotuning;

/// <summary>Points with a gain, of which more is better, and a cost, of which less is.</summary>
internal static class ParetoFront
{
    /// <summary>True if a point is at least as good as another in both, and better in one.</summary>
    public static bool Dominates((double Gain, double Cost) a, (double Gain, double Cost) b) =>
        a.Gain >= b.Gain && a.Cost <= b.Cost && (a.Gain > b.Gain || a.Cost < b.Cost);

    /// <summary>The points that no other dominates, by ascending cost; of equal ones the first.</summary>
    public static IReadOnlyList<int> Of(IReadOnlyList<(double Gain, double Cost)> points) =>
        [.. Enumerable.Range(0, points.Count)
            .Where(i => !points.Where((other, j) => Dominates(other, points[i]) || (j < i && other == points[i])).Any())
            .OrderBy(i => points[i].Cost)];

    /// <summary>
    /// All points, best first: those of the front, then the front of the others, and so on; within a front by how far their neighbours lie
    /// apart, so that what is kept stays spread (NSGA-II: Deb et al. 2002).
    /// </summary>
    public static IReadOnlyList<int> Ranked(IReadOnlyList<(double Gain, double Cost)> points)
    {
        var (left, ranked) = (Enumerable.Range(0, points.Count).ToList(), new List<int>());
        while (left.Count > 0)
        {
            var front = left.Where(i => !left.Any(j => Dominates(points[j], points[i]))).OrderBy(i => points[i].Cost).ToList();
            var crowding = Crowding([.. front.Select(i => points[i])]);
            var spread = front.Zip(crowding).OrderByDescending(p => p.Second).ThenByDescending(p => points[p.First].Gain);
            ranked.AddRange(spread.Select(p => p.First));
            left.RemoveAll(front.Contains);
        }
        return ranked;
    }

    // Sum over both axes of the distance between a point's neighbours, as a share of the front's extent; the ends count most.
    private static double[] Crowding(IReadOnlyList<(double Gain, double Cost)> front)
    {
        var sums = new double[front.Count];
        foreach (var axis in (Func<(double Gain, double Cost), double>[])[p => p.Gain, p => p.Cost])
        {
            var order = Enumerable.Range(0, front.Count).OrderBy(i => axis(front[i])).ToArray();
            var extent = axis(front[order[^1]]) - axis(front[order[0]]);
            (sums[order[0]], sums[order[^1]]) = (double.PositiveInfinity, double.PositiveInfinity);
            for (var i = 1; i < order.Length - 1 && extent > 0; i++)
                sums[order[i]] += (axis(front[order[i + 1]]) - axis(front[order[i - 1]])) / extent;
        }
        return sums;
    }

    /// <summary>
    /// By how much a point is expected to enlarge the area that a front covers, where its cost is known and its gain is N(mean,
    /// deviation²).
    /// </summary>
    /// <remarks>
    /// At each cost c the point adds max(0, gain − f(c)), f the front's best gain at no more than that cost. f is constant between costs of
    /// the front, so the expectation is exact: a sum of width · E[max(0, gain − f)] over the pieces above the point's cost.
    /// </remarks>
    /// <param name="front">The front, by ascending cost.</param>
    /// <param name="worstGain">The gain where the area begins.</param>
    /// <param name="worstCost">The cost where it ends.</param>
    /// <param name="cost">The point's cost.</param>
    /// <param name="mean">Mean of its gain.</param>
    /// <param name="deviation">Deviation of its gain, 0 or more.</param>
    public static double ExpectedImprovement(
        IReadOnlyList<(double Gain, double Cost)> front, double worstGain, double worstCost, double cost, double mean, double deviation)
    {
        if (cost >= worstCost) return 0;
        var (sum, start, level) = (0.0, cost, worstGain);
        foreach (var (gain, at) in front.OrderBy(p => p.Cost))
        {
            if (at >= worstCost) break;
            if (at > start)
            {
                sum += (at - start) * Excess(mean, deviation, level);
                start = at;
            }
            level = Math.Max(level, gain);
        }
        return sum + (worstCost - start) * Excess(mean, deviation, level);
    }

    /// <summary>The mean of max(0, x − level) where x is N(mean, deviation²).</summary>
    private static double Excess(double mean, double deviation, double level)
    {
        if (deviation <= 0) return Math.Max(0, mean - level);
        var z = (mean - level) / deviation;
        return (mean - level) * NormalDistribution.Below(z) + deviation * NormalDistribution.Density(z);
    }
}
