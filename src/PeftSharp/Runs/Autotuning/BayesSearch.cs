using PeftSharp.Data;

namespace PeftSharp.Runs.Autotuning;

/// <summary>
/// Bayesian search for the front of score and weights. A Gaussian process models the score; weights are counted, not modelled, since they
/// are known before a run. Hence the expected growth of the area that the front covers (EHVI, which AutoPEFT estimates by draws) is a sum
/// in closed form. Weights count by their logarithm. The front that is to grow is that of the model's means, since single scores are noisy.
/// </summary>
internal sealed class BayesSearch(AutotunePlan plan, ConfigurationSpace space, TrialBench bench)
{
    private const int UsualTrials = 20, MostTrials = 200, RandomCandidates = 300, Climbs = 5, MostFailures = 5;

    private readonly SeededRandom _random = new(plan.Seed, 2);

    /// <summary>Searches.</summary>
    public void Run()
    {
        var most = plan.Trials ?? (plan.Budget is null ? UsualTrials : MostTrials);
        var drawn = Math.Clamp(most / 3, 2, 8);
        for (var i = 0; i < most && !bench.IsSpent && bench.Failures.Count < MostFailures; i++)
        {
            var next = i < drawn || bench.Trials.Count < 2 ? space.Draw(_random, bench.MayTry) : Promising();
            if (next is null) return;
            bench.Try(next, plan.Epochs);
        }
    }

    private Configuration? Promising()
    {
        var trials = bench.Trials;
        var process = GaussianProcess.Fit(
            [.. trials.Select(t => space.Features(t.Point!))], [.. trials.Select(t => t.Gain)], space.LayerFeatures);
        var tried = trials.Select(t => (Gain: process.At(space.Features(t.Point!)).Mean, Cost: Cost(t.Point!))).ToList();
        var front = ParetoFront.Of(tried).Select(i => tried[i]).ToList();
        var extent = Math.Max(1e-6, tried.Max(t => t.Gain) - tried.Min(t => t.Gain));
        var (worstGain, worstCost) = (tried.Min(t => t.Gain) - 0.1 * extent, tried.Max(t => t.Cost) + 1);
        double Growth(Configuration point)
        {
            var (mean, deviation) = process.At(space.Features(point));
            return ParetoFront.ExpectedImprovement(front, worstGain, worstCost, Cost(point), mean, deviation);
        }
        return Best(Starts(trials), Growth);
    }

    private double Cost(Configuration point) => Math.Log2(1 + bench.WeightsOf(point));

    // Points at random, and the neighbours of those on the front: what is best lies beside what is good, or where nobody has looked.
    private IEnumerable<Configuration> Starts(IReadOnlyList<TunedTrial> trials)
    {
        var front = ParetoFront.Of([.. trials.Select(t => (t.Gain, (double)t.Weights))]);
        var near = front.SelectMany(i => space.Neighbours(trials[i].Point!)).Where(bench.MayTry);
        var far = Enumerable.Range(0, RandomCandidates).Select(_ => space.Draw(_random, bench.MayTry)).OfType<Configuration>();
        return near.Concat(far).Distinct();
    }

    // The best of the starts, and from there uphill.
    private Configuration? Best(IEnumerable<Configuration> starts, Func<Configuration, double> growth)
    {
        var (best, most) = (default(Configuration), -1.0);
        foreach (var point in starts)
            if (growth(point) is var value && value > most) (best, most) = (point, value);
        for (var climb = 0; best is not null && climb < Climbs; climb++)
        {
            var before = best;
            foreach (var point in space.Neighbours(before).Where(bench.MayTry))
                if (growth(point) is var value && value > most) (best, most) = (point, value);
            if (ReferenceEquals(before, best)) break;
        }
        return best;
    }
}
