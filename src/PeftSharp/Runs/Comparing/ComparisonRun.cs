using System.Diagnostics;
using PeftSharp.Files;
using PeftSharp.Files.Json;

namespace PeftSharp.Runs.Comparing;

/// <summary>Runs what of a plan has not run yet, cell by cell, and keeps the report up to date after each.</summary>
internal sealed class ComparisonRun(ComparisonPlan plan, string root, ICellRunner runner, RunObserver observer, Caller caller)
{
    private readonly Stopwatch _watch = Stopwatch.StartNew();
    private readonly Dictionary<(string, string), double> _rates = [];
    private readonly List<(Cell Cell, double Seconds)> _took = [];

    public CompareReport Report { get; } = new(plan, root, caller);

    /// <summary>Refuses a plan of which a cell could not start, before any does.</summary>
    public void Check()
    {
        foreach (
            var cell in plan.Cells()
                .Where(c => c.Seed == plan.Seeds[0])
                .Concat(plan.Datasets.SelectMany(d => plan.Methods.SelectMany(m => plan.SearchCells(d, m).Take(1)))))
            cell.Check(WriteRecipe(cell), plan.Source, caller);
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
        if (CellResult.TryRead(Folder(cell)) is { } earlier)
        {
            Report.Finish(cell, earlier, earlier: true);
            _took.Add((cell, earlier.ProcessSeconds));
            return earlier;
        }
        var expected = Expected(cell);
        if (plan.Budget * 60 is { } budget && _watch.Elapsed.TotalSeconds + (expected ?? 0) > budget)
        {
            var need = expected is { } seconds
                ? $"about {Figures.Time(TimeSpan.FromSeconds(seconds))} is needed and "
                    + $"{Figures.Time(TimeSpan.FromSeconds(Math.Max(0, budget - _watch.Elapsed.TotalSeconds)))} is left"
                : "the budget is spent";
            Report.LeaveOut(cell, need);
            observer.Remark($"{place} {cell.Title}: left out, {need}");
            return null;
        }
        Report.Write();
        if (Live($"{place} {cell.Title}", () => runner.Run(WriteRecipe(cell), Folder(cell))) is { } failure)
            return Failed(cell, place, failure);
        if (CellResult.TryRead(Folder(cell)) is not { } result)
            return Failed(cell, place, "it wrote no score: there are no rows to score on; give eval_data, or split_shares");
        _took.Add((cell, result.ProcessSeconds));
        Report.Finish(cell, result, earlier: false);
        observer.Remark(
            $"{place} {cell.Title}: {result.Metric} {Figures.Score(result.Score)}, "
            + $"{Figures.Time(TimeSpan.FromSeconds(result.ProcessSeconds))}{Left()}");
        return result;
    }

    private CellResult? Failed(Cell cell, string place, string why)
    {
        Report.Fail(cell, why);
        observer.Remark($"{place} {cell.Title}: failed: {why}");
        return null;
    }

    // What the same method took on the same data; else what others took on it; null where nothing is known.
    private double? Expected(Cell cell)
    {
        var like = _took.Where(t => t.Cell.IsSearch == cell.IsSearch && t.Cell.Dataset == cell.Dataset).ToList();
        if (like.Count == 0) return null;
        var same = like.Where(t => t.Cell.Method == cell.Method).ToList();
        return (same.Count > 0 ? same : like).Average(t => t.Seconds);
    }

    private string Left()
    {
        var open = Report.Open.Select(Expected).ToList();
        return open.Count == 0 || open.Any(e => e is null)
            ? ""
            : $"; about {Figures.Time(TimeSpan.FromSeconds(open.Sum(e => e!.Value)))} left";
    }

    private string? Live(string title, Func<string?> run) => observer.During(RunStage.Cell, title, run);

    private string Folder(Cell cell) => Path.Combine(root, "cells", cell.Id);

    // A recipe that repeats the cell by hand.
    private string WriteRecipe(Cell cell)
    {
        var file = Path.Combine(root, "recipes", $"{cell.Id}.yaml");
        AtomicFile.WriteText(file, JsonText.Text(cell.Settings) + "\n");
        return file;
    }
}
