namespace PeftSharp.Runs.Comparing;

/// <summary>Runs what of a plan has not run yet, cell by cell, and keeps the report up to date after each.</summary>
internal sealed class ComparisonRun(ComparisonPlan plan, string root, ICellRunner runner, RunObserver observer, Caller caller)
{
    private readonly Dictionary<(string, string), double> _rates = [];
    private readonly CellBench _bench = new(root, runner, observer, plan.Budget, Expected);

    public CompareReport Report { get; } = new(plan, root, caller);

    /// <summary>Refuses a plan of which a cell could not start, before any does.</summary>
    public void Check()
    {
        foreach (
            var cell in plan.Cells()
                .Where(c => c.Seed == plan.Seeds[0])
                .Concat(plan.Datasets.SelectMany(d => plan.Methods.SelectMany(m => plan.SearchCells(d, m).Take(1)))))
            cell.Check(_bench.WriteRecipe(cell), plan.Source, caller);
    }

    /// <summary>Runs the plan. An interruption leaves the report as far as it came.</summary>
    public void Run()
    {
        var cells = plan.Cells().ToList();
        Report.Planned = [.. cells];
        var done = 0;
        foreach (var cell in cells)
        {
            done++;
            var method = plan.Methods.First(m => m.Name == cell.Method);
            var dataset = plan.Datasets.First(d => d.Name == cell.Dataset);
            var ready = plan.SearchCells(dataset, method) is { Count: > 0 } searching ? Searched(cell, searching) : cell;
            if (ready is null) continue;
            Report.Replace(cell, ready);
            RunCell(ready, $"[{done}/{cells.Count}]");
        }
        Report.Write();
    }

    // The rate is found once for all seeds.
    private Cell? Searched(Cell cell, IReadOnlyList<Cell> searching)
    {
        var key = (cell.Dataset, cell.Method);
        if (!_rates.TryGetValue(key, out var rate))
        {
            var results = searching.Select(s => (Cell: s, Result: RunCell(s, "[search]"))).ToList();
            if (results.Any(r => Report.IsLeftOut(r.Cell)))
            {
                Report.LeaveOut(cell, "its search for a learning rate did not fit");
                return null;
            }
            var best = results.Where(r => r.Result is { } result && double.IsFinite(result.Score))
                .OrderByDescending(r => r.Result!.HigherIsBetter ? r.Result.Score : -r.Result.Score)
                .ThenBy(r => r.Cell.SearchedRate)
                .FirstOrDefault();
            if (best.Result is null)
            {
                Report.Fail(cell, "no learning rate of its search gave a score");
                return null;
            }
            _rates[key] = rate = best.Cell.SearchedRate!.Value;
            var edge = rate == plan.Search!.Rates[^1] ? "; it is the highest tried: try higher ones"
                : rate == plan.Search.Rates[0] ? "; it is the lowest tried: try lower ones"
                : "";
            observer.Remark(
                $"{cell.Dataset} {cell.Method}: learning rate {rate:G4}, by {best.Result.Metric} on training rows set apart{edge}");
            Report.Found(key, rate, edge.Length > 0);
        }
        return cell.WithRate(rate);
    }

    private CellResult? RunCell(Cell cell, string place)
    {
        var outcome = _bench.Run(cell, $"{place} {cell.Title}", Report.Write);
        if (outcome.LeftOut is { } need)
        {
            Report.LeaveOut(cell, need);
            observer.Remark($"{place} {cell.Title}: left out, {need}");
            return null;
        }
        if (outcome.Failure is { } why)
        {
            Report.Fail(cell, why);
            observer.Remark($"{place} {cell.Title}: failed: {why}");
            return null;
        }
        var result = outcome.Result!;
        Report.Finish(cell, result, outcome.IsEarlier);
        if (!outcome.IsEarlier)
            observer.Remark(
                $"{place} {cell.Title}: {result.Metric} {Figures.Score(result.Score)}, "
                + $"{Figures.Time(TimeSpan.FromSeconds(result.ProcessSeconds))}{Left()}");
        return result;
    }

    // What the same method took on the same data; else what others took on it; null where nothing is known.
    private static double? Expected(Cell cell, IReadOnlyList<(Cell Cell, double Seconds)> took)
    {
        var like = took.Where(t => t.Cell.IsSearch == cell.IsSearch && t.Cell.Dataset == cell.Dataset).ToList();
        if (like.Count == 0) return null;
        var same = like.Where(t => t.Cell.Method == cell.Method).ToList();
        return (same.Count > 0 ? same : like).Average(t => t.Seconds);
    }

    private string Left()
    {
        var open = Report.Open.Select(_bench.Expected).ToList();
        return open.Count == 0 || open.Any(e => e is null)
            ? ""
            : $"; about {Figures.Time(TimeSpan.FromSeconds(open.Sum(e => e!.Value)))} left";
    }
}
