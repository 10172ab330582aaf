using PeftSharp.Benchmarks.Shelf;
using PeftSharp.Metrics;
using PeftSharp.Runs;

namespace PeftSharp.Benchmarks;

/// <summary>
/// Adapters of several tasks on one base in one process: whether each answers and scores as it does alone, in batches of its own and in
/// batches that hold rows of all tasks.
/// </summary>
internal static class ShelfBench
{
    private const int Rows = 32;

    /// <param name="folder">The base.</param>
    /// <param name="tasks">NAME=ADAPTER=DATA each.</param>
    /// <param name="compute">fp32 or bf16.</param>
    public static void Run(string folder, IEnumerable<string> tasks, string compute)
    {
        var options = new LoadOptions { Compute = ComputeName.Parse(compute) };
        var asked = new List<ShelfTask>();
        foreach (var task in tasks)
        {
            if (task.Split('=') is not [var name, var adapter, var data])
                throw new ArgumentException($"A task is \"{task}\"; expected NAME=ADAPTER=DATA.");
            asked.Add(ShelfTask.Ask(name, folder, adapter, data, options));
        }
        using var shelf = new ShelfModel(folder, asked, options);
        var ways = (string[])["alone", "in turn", $"mixed, {Rows} rows a batch"];
        var answers = new[] { [.. asked.Select(task => task.Alone)], shelf.InTurn(), shelf.Mixed(Rows, seed: 1) };
        Console.WriteLine($"{compute}; {asked.Count} adapters on one base");
        for (var way = 0; way < ways.Length; way++)
            for (var t = 0; t < asked.Count; t++) Print(asked[t], shelf.Loaded, ways[way], answers[way][t]);
        asked.ForEach(task => task.Dispose());
    }

    private static void Print(ShelfTask task, LoadedModel shelf, string way, LogitTable answers)
    {
        var score = task.Score(shelf, answers);
        var (differ, farthest) = Compare(task.Alone, answers);
        Console.WriteLine(
            $"{task.Name,-8} {way,-22} {task.Rows.Count,5} rows  {score.Primary} {score.Values[score.Primary]:0.000000}  "
            + $"{differ} answers differ, logits by {farthest:0.0e+00} at most");
    }

    private static (int Answers, double Farthest) Compare(LogitTable alone, LogitTable other)
    {
        var (x, y) = (alone.Values.ToArray(), other.Values.ToArray());
        var (mine, theirs) = (MetricSet.Predictions(x, alone.Width), MetricSet.Predictions(y, other.Width));
        var answers = mine.Zip(theirs).Count(pair => pair.First != pair.Second);
        return (answers, x.Zip(y).Max(pair => (double)Math.Abs(pair.First - pair.Second)));
    }
}
