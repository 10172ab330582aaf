using PeftSharp.Benchmarks.Shelf;
using PeftSharp.Metrics;
using PeftSharp.Runs;
using PeftSharp.Tests.Cli;

namespace PeftSharp.Tests.Runs;

/// <summary>Adapters of several tasks on one base: each answers and scores as it does where nothing else is loaded.</summary>
public sealed class ShelfTests : IDisposable
{
    private const string Header = "sentence1\tsentence2\tlabel\n";

    private readonly CliFolder _folder = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("pfeiffer", "pfeiffer", "pfeiffer")]
    [InlineData("lora", "lora", "lora")]
    [InlineData("houlsby", "lora", "ia3")]
    public void Each_Answers_As_Alone(string first, string second, string third)
    {
        var (things, pairs) = (Things(), Pairs());
        (string Name, string Method, string Data)[] tasks =
            [("mood", first, _folder.Train), ("thing", second, things), ("pair", third, pairs)];
        foreach (var (name, method, data) in tasks)
            FineTuning.Of(_folder.Model).With(method).Rate(2e-2).Epochs(10).Set("compute", "fp32").On(data).To(_folder.File_(name))
                .Run(cancellation: Token).Dispose();
        var options = new LoadOptions();
        List<ShelfTask> asked =
            [.. tasks.Select(task => ShelfTask.Ask(task.Name, _folder.Model, _folder.File_(task.Name), task.Data, options))];
        using var shelf = new ShelfModel(_folder.Model, asked, options);
        Assert.Equal([2, 4, 3], asked.Select(task => task.Alone.Width));
        var (inTurn, mixed) = (shelf.InTurn(), shelf.Mixed(8, seed: 1));
        for (var t = 0; t < asked.Count; t++)
        {
            var (task, alone) = (asked[t], asked[t].Alone.Values.ToArray());
            var score = task.Score(shelf.Loaded, task.Alone);
            // The same batches: the same bits.
            Assert.Equal(alone, inTurn[t].Values.ToArray());
            Assert.Equal(score.Values, task.Score(shelf.Loaded, inTurn[t]).Values);
            // Other batches, whose products round otherwise: the same answers.
            Assert.Equal(alone, mixed[t].Values.ToArray(), (x, y) => Math.Abs(x - y) < 1e-4);
            Assert.Equal(Answers(task.Alone), Answers(mixed[t]));
            Assert.Equal(score.Values["accuracy"], task.Score(shelf.Loaded, mixed[t]).Values["accuracy"]);
            // And they tell rows apart.
            Assert.NotEqual(1, Answers(task.Alone).Distinct().Count());
        }
        asked.ForEach(task => task.Dispose());
    }

    public void Dispose() => _folder.Dispose();

    private static int[] Answers(LogitTable table) => MetricSet.Predictions(table.Values, table.Width);

    private string Things() => Written("things.tsv", rows => "sentence\tlabel\n" + string.Join(
        '\n', rows.Select(text => $"{text}\t{text.Split(' ')[1]}")));

    // How many of two texts praise.
    private string Pairs() => Written("pairs.tsv", rows => Header + string.Join('\n', rows.Zip(rows.Skip(1)).Select((pair, i) =>
        $"{pair.First}\t{(i % 3 == 0 ? pair.Second : pair.First)}\t{(i % 3 == 0 ? "mixed" : Praises(pair.First) ? "good" : "bad")}")));

    private static bool Praises(string text) => text.Split(' ')[^1] is "good" or "fine" or "great" or "nice";

    private string Written(string name, Func<List<string>, string> write)
    {
        var rows = File.ReadLines(_folder.Train).Skip(1).Where(line => line.Length > 0).Select(line => line.Split('\t')[0]).ToList();
        File.WriteAllText(_folder.File_(name), write(rows) + "\n");
        return _folder.File_(name);
    }
}
