using System.Text.Json.Nodes;
using PeftSharp.Runs.Comparing;

namespace PeftSharp.Runs.Autotuning;

/// <summary>Tries configurations: each is a cell of a comparison, scored on training rows that it does not train on.</summary>
/// <param name="plan">The plan.</param>
/// <param name="cells">Runs cells.</param>
/// <param name="space">The space.</param>
/// <param name="counter">Counts weights.</param>
/// <param name="observer">Hears of each trial.</param>
/// <param name="changed">Called after each trial.</param>
internal sealed class TrialBench(
    AutotunePlan plan, CellBench cells, ConfigurationSpace space, WeightCounter counter, RunObserver observer, Action changed)
{
    private readonly Dictionary<Configuration, long> _weights = [];
    private readonly Dictionary<Configuration, int> _numbers = [];

    /// <summary>What was tried and scored, in the order of the trials.</summary>
    public List<TunedTrial> Trials { get; } = [];

    /// <summary>Trials that failed, each with the reason.</summary>
    public List<string> Failures { get; } = [];

    /// <summary>True once something did not fit into the time.</summary>
    public bool IsSpent { get; private set; }

    /// <summary>Seconds that are left; null where there is no budget.</summary>
    public double? SecondsLeft => cells.SecondsLeft;

    /// <summary>Weights that a configuration trains, the head not counted.</summary>
    public long WeightsOf(Configuration point) =>
        _weights.TryGetValue(point, out var known) ? known : _weights[point] = counter.Of(space.Settings(point));

    /// <summary>True if a configuration may be tried: it is new, and trains no more weights than allowed.</summary>
    public bool MayTry(Configuration point) =>
        !_numbers.ContainsKey(point) && (plan.MaxWeights is not { } most || WeightsOf(point) <= most);

    /// <summary>Tries a configuration.</summary>
    /// <param name="point">The configuration.</param>
    /// <param name="epochs">Passes over the rows of the search.</param>
    /// <returns>Null where it failed or did not fit into the time.</returns>
    public TunedTrial? Try(Configuration point, double epochs)
    {
        if (!_numbers.TryGetValue(point, out var number)) _numbers[point] = number = _numbers.Count + 1;
        return Try(number, space.Describe(point), space.Settings(point), WeightsOf(point), epochs, point);
    }

    /// <summary>Tries settings that are no point of the space.</summary>
    public TunedTrial? Try(int number, string description, JsonObject settings, long weights, double epochs, Configuration? point = null)
    {
        var cell = CellOf(number, settings, epochs);
        var title = FormattableString.Invariant($"[{number}] {description}, {epochs:0.##} epochs");
        var outcome = cells.Run(cell, title);
        if (outcome.LeftOut is { } need)
        {
            IsSpent = true;
            observer.Remark($"{title}: left out, {need}");
            return null;
        }
        var failure = outcome.Failure ?? (double.IsFinite(outcome.Result!.Score) ? null : "its score is no number");
        if (failure is not null)
        {
            Failures.Add($"{description}: {failure}");
            observer.Remark($"{title}: failed: {failure}");
            changed();
            return null;
        }
        var result = outcome.Result!;
        var trial = new TunedTrial(
            number, description, settings, weights, epochs, result.Metric, result.HigherIsBetter, result.Score, result.ProcessSeconds,
            $"cells/{cell.Id}")
        { Point = point, Loss = result.Loss };
        Trials.Add(trial);
        observer.Remark(
            $"{title}: {result.Metric} {Figures.Score(result.Score)}, {Figures.Count(weights)} weights, "
            + $"{Figures.Time(TimeSpan.FromSeconds(result.ProcessSeconds))}{(outcome.IsEarlier ? " (earlier)" : "")}");
        changed();
        return trial;
    }

    /// <summary>The run of a configuration.</summary>
    public Cell CellOf(int number, JsonObject settings, double epochs)
    {
        var joined = (JsonObject)plan.Common.DeepClone();
        foreach (var (key, value) in settings) joined[key] = value?.DeepClone();
        joined["seed"] = plan.Seed;
        return new(plan.Dataset, $"trial-{number}", plan.Seed, null, Cell.OnTrainingRows(joined, plan.Rows, epochs));
    }

    /// <summary>Seconds that a cell will take, in proportion to its epochs; null where nothing was run yet.</summary>
    public static double? Expected(Cell cell, IReadOnlyList<(Cell Cell, double Seconds)> took)
    {
        double Epochs(Cell of) => of.Settings["num_train_epochs"]!.GetValue<double>();
        if (took.Count == 0) return null;
        var alike = took.Where(t => Epochs(t.Cell) == Epochs(cell)).ToList();
        return alike.Count > 0
            ? alike.Average(t => t.Seconds)
            : took.Sum(t => t.Seconds) / took.Sum(t => Epochs(t.Cell)) * Epochs(cell);
    }
}
