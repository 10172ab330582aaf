namespace PeftSharp.Runs.Estimates;

/// <summary>Chooses the batches that a probe runs.</summary>
/// <remarks>
/// glibc's heap grows with the sizes that it has not served before: measured on whole epochs, every jump of a run's memory above 4 MB falls
/// on the first batch of a shape, and on none that was seen, where few tensors are trained. So each large shape is run once, in the order
/// in which the run would meet them, and batches that span all sizes, for the time. Where every weight is trained, gradients of many sizes
/// split the heap further in steps whose shapes are known: others of the run's batches follow while that goes on.
/// </remarks>
internal sealed class ProbePlan
{
    private const int Spanning = 10, MostShapes = 48, MostRepeats = 200;

    // Passes below this share of the largest one's work fit into what the larger ones left behind.
    private const double Large = 0.4;

    private ProbePlan(IReadOnlyList<int[]> batches, IReadOnlyList<int[]> repeats, int shapes, double warmShare) =>
        (Batches, Repeats, LargeShapes, WarmShare) = (batches, repeats, shapes, warmShare);

    /// <summary>The batches, as rows; the first is a small one.</summary>
    public IReadOnlyList<int[]> Batches { get; }

    /// <summary>Batches of the whole run, for as long as memory grows.</summary>
    public IReadOnlyList<int[]> Repeats { get; }

    /// <summary>Large shapes that the whole run meets.</summary>
    public int LargeShapes { get; }

    /// <summary>The first batch's work as a share of the largest pass's.</summary>
    public double WarmShare { get; }

    public static ProbePlan Create(IReadOnlyList<int> lengths, RunForecast forecast)
    {
        double PassWork(int batch) => forecast.Shape(lengths, forecast.Planned[batch]).Pass(forecast.TokensPerPass).Work(forecast.Width);
        int[] first = [.. Enumerable.Range(0, forecast.Planned.Count).DistinctBy(i => forecast.Shape(lengths, forecast.Planned[i]))];
        var bySize = first.Select(i => (Batch: i, Work: PassWork(i))).OrderByDescending(b => b.Work).ToList();
        var largest = bySize[0].Work;
        var large = bySize.TakeWhile(b => b.Work >= Large * largest).Select(b => b.Batch).ToList();
        var byWork = Enumerable.Range(0, forecast.Planned.Count)
            .OrderBy(i => forecast.Shape(lengths, forecast.Planned[i]).Work(forecast.Width))
            .ToList();
        var spanning = Enumerable.Range(0, Spanning).Select(i => byWork[(2 * i + 1) * byWork.Count / (2 * Spanning)]);
        // The small one shows, before anything large is tried, whether that would fit.
        var small = bySize.LastOrDefault(b => b.Work >= largest / 4, bySize[^1]);
        var chosen = large.Take(MostShapes).Concat(spanning).Where(i => i != small.Batch).Distinct().Order().Prepend(small.Batch);
        int[][] batches = [.. chosen.Select(i => forecast.Planned[i])];
        var repeats = Math.Clamp(forecast.Planned.Count - batches.Length, 0, MostRepeats);
        return new(
            batches, [.. Enumerable.Range(0, repeats).Select(i => forecast.Planned[(int)((long)i * forecast.Planned.Count / repeats)])],
            large.Count, small.Work / largest);
    }

    /// <summary>How many of some batches are of a large shape that no earlier one has.</summary>
    public static int Shapes(IReadOnlyList<ProbedBatch> batches, RunForecast forecast)
    {
        var shapes = batches.Select(b => new BatchShape(b.Rows, b.Tokens))
            .Distinct()
            .Select(s => s.Pass(forecast.TokensPerPass).Work(forecast.Width))
            .ToList();
        return shapes.Count(work => work >= Large * shapes.Max());
    }
}
