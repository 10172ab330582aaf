using PeftSharp.Data;

namespace PeftSharp.Runs.Autotuning;

/// <summary>
/// Successive halving: a bracket of configurations is tried for a ninth of the epochs, its better third for a third, the better third of
/// those for all. Brackets follow each other while a budget of time lasts.
/// </summary>
internal sealed class HalvingSearch(AutotunePlan plan, ConfigurationSpace space, TrialBench bench)
{
    private const int Factor = 3, Rungs = 3, UsualTrials = 9;

    private readonly SeededRandom _random = new(plan.Seed, 1);

    /// <summary>Searches.</summary>
    public void Run()
    {
        do
        {
            if (!Bracket(plan.Trials ?? UsualTrials)) return;
        }
        while (plan.Trials is null && plan.Budget is not null && !bench.IsSpent && Affordable(0, 0) >= 1);
    }

    private static double Share(int rung) => 1 / Math.Pow(Factor, Rungs - 1 - rung);

    // False where nothing new is left to draw, or nothing that is drawn can be trained.
    private bool Bracket(int count)
    {
        var (rung, drawn) = (new List<TunedTrial>(), 0);
        while (drawn < count && !bench.IsSpent && space.Draw(_random, bench.MayTry) is { } point)
        {
            drawn++;
            if (bench.Try(point, plan.Epochs * Share(0)) is { } trial) rung.Add(trial);
            // Longer trials of the better ones need as much time again on each rung.
            if (rung.Count > 0) count = Math.Min(count, Math.Max(drawn, Affordable(rung.Average(t => t.Seconds), drawn)));
        }
        var scored = rung.Count > 0;
        for (var next = 1; next < Rungs && rung.Count > 0; next++)
        {
            var best = ParetoFront.Ranked([.. rung.Select(t => (t.Promise, (double)t.Weights))]).Take((rung.Count + Factor - 1) / Factor);
            rung = [.. best.Select(i => bench.Try(rung[i].Point!, plan.Epochs * Share(next))).OfType<TunedTrial>()];
        }
        return scored;
    }

    // How many configurations a bracket can have, of which some have been tried.
    private int Affordable(double seconds, int tried)
    {
        if (bench.SecondsLeft is not { } left) return int.MaxValue;
        if (seconds == 0)
            seconds = bench.Trials.Where(t => t.Epochs < plan.Epochs * Share(1)).Select(t => t.Seconds).DefaultIfEmpty(1).Average();
        return (int)Math.Clamp((Math.Max(0, left) + tried * seconds) / (Rungs * seconds), 0, 1000);
    }
}
