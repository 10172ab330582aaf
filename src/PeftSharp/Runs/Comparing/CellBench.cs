using System.Diagnostics;
using PeftSharp.Files;
using PeftSharp.Files.Json;

namespace PeftSharp.Runs.Comparing;

/// <summary>Runs cells in a folder: finished ones are read, and those that do not fit into the time are left out.</summary>
/// <param name="root">The folder; cells lie in <c>cells/</c>, and a recipe for each in <c>recipes/</c>.</param>
/// <param name="runner">Runs one.</param>
/// <param name="observer">Sees that one runs.</param>
/// <param name="budget">Minutes from now on; null for as long as it takes.</param>
/// <param name="expect">Seconds that a cell will take, by what others took; null where nobody knows.</param>
internal sealed class CellBench(
    string root, ICellRunner runner, RunObserver observer, double? budget,
    Func<Cell, IReadOnlyList<(Cell Cell, double Seconds)>, double?> expect)
{
    private readonly Stopwatch _watch = Stopwatch.StartNew();
    private readonly List<(Cell Cell, double Seconds)> _took = [];

    /// <summary>Seconds that are left; null where there is no budget.</summary>
    public double? SecondsLeft => budget * 60 - _watch.Elapsed.TotalSeconds;

    /// <summary>Seconds that a cell will take; null where nobody knows.</summary>
    public double? Expected(Cell cell) => expect(cell, _took);

    /// <summary>Runs a cell, or reads what it measured earlier.</summary>
    /// <param name="cell">The cell.</param>
    /// <param name="title">What is shown meanwhile.</param>
    /// <param name="starting">Called where it is run, before it is.</param>
    /// <exception cref="OperationCanceledException">It was interrupted.</exception>
    public CellOutcome Run(Cell cell, string title, Action? starting = null)
    {
        var folder = Path.Combine(root, "cells", cell.Id);
        if (CellResult.TryRead(folder) is { } earlier)
        {
            _took.Add((cell, earlier.ProcessSeconds));
            return new(earlier, IsEarlier: true);
        }
        if (MissingTime(cell) is { } need) return new(null, LeftOut: need);
        starting?.Invoke();
        var recipe = WriteRecipe(cell);
        if (observer.During(RunStage.Cell, title, () => runner.Run(recipe, folder)) is { } failure) return new(null, Failure: failure);
        if (CellResult.TryRead(folder) is not { } result)
            return new(null, Failure: "it wrote no score: there are no rows to score on; give eval_data, or split_shares");
        _took.Add((cell, result.ProcessSeconds));
        return new(result);
    }

    /// <summary>Writes a recipe that repeats the cell by hand, and gives its path.</summary>
    public string WriteRecipe(Cell cell)
    {
        var file = Path.Combine(root, "recipes", $"{cell.Id}.yaml");
        AtomicFile.WriteText(file, JsonText.Text(cell.Settings) + "\n");
        return file;
    }

    private string? MissingTime(Cell cell)
    {
        var expected = Expected(cell);
        if (SecondsLeft is not { } left || left >= (expected ?? 0)) return null;
        if (expected is not { } seconds) return "the budget is spent";
        return $"about {Figures.Time(TimeSpan.FromSeconds(seconds))} is needed and "
            + $"{Figures.Time(TimeSpan.FromSeconds(Math.Max(0, left)))} is left";
    }
}
