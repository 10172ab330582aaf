using PeftSharp.Data;
using PeftSharp.Formats;
using PeftSharp.Metrics;
using PeftSharp.Runs;
using static TorchSharp.torch;

namespace PeftSharp.Benchmarks.Shelf;

/// <summary>One base with the adapters of several tasks, which answers their rows in turn or mixed within batches.</summary>
internal sealed class ShelfModel : IDisposable
{
    private readonly IReadOnlyList<ShelfTask> _tasks;

    /// <summary>Loads the adapters beside each other.</summary>
    /// <param name="baseFolder">The base.</param>
    /// <param name="tasks">The tasks.</param>
    /// <param name="options">How they are loaded.</param>
    public ShelfModel(string baseFolder, IReadOnlyList<ShelfTask> tasks, LoadOptions options)
    {
        _tasks = tasks;
        Loaded = LoadedModel.Open(baseFolder, tasks[0].Folder, options);
        Loaded.Model.Rename(Loaded.Adapter!.Name, tasks[0].Name);
        foreach (var task in tasks.Skip(1)) AdapterFolder.Open(task.Folder).LoadInto(Loaded.Model, task.Name);
    }

    /// <summary>The base and its adapters.</summary>
    public LoadedModel Loaded { get; }

    /// <summary>Answers each task's rows in batches of its own, the tasks taking turns from batch to batch.</summary>
    /// <returns>The answers of each task.</returns>
    public LogitTable[] InTurn()
    {
        var evaluators = _tasks.Select(task => task.On(Loaded)).ToArray();
        var tables = Tables();
        var batches = evaluators.Select(evaluator => evaluator.Batches).ToArray();
        for (var round = 0; round < batches.Max(list => list.Count); round++)
            for (var task = 0; task < tables.Length; task++)
            {
                if (round >= batches[task].Count) continue;
                var rows = batches[task][round];
                tables[task].Add(rows, evaluators[task].Outputs(rows));
            }
        return tables;
    }

    /// <summary>Answers all rows in drawn order, so that most batches hold rows of several tasks.</summary>
    /// <param name="batchSize">Rows a batch.</param>
    /// <param name="seed">Seed of the order.</param>
    /// <returns>The answers of each task.</returns>
    public LogitTable[] Mixed(int batchSize, ulong seed)
    {
        var places = _tasks.SelectMany((task, t) => Enumerable.Range(0, task.Rows.Count).Select(row => (Task: t, Row: row))).ToList();
        var texts = places.Select(p => _tasks[p.Task].Rows.Examples[p.Row] with { Label = -1, Target = float.NaN }).ToList();
        using var rows = new TextDataset(texts, LabelKind.None, null, "The rows of all tasks");
        using var tokens = TokenizedDataset.Create(rows, new TokenizerTextEncoder(Loaded.Tokenizer()!), Loaded.MaxLength());
        var tables = Tables();
        foreach (var chosen in new BatchPlan(tokens.Lengths, batchSize, BatchOrder.Shuffled, seed).Epoch(0))
        {
            using var scope = NewDisposeScope();
            using var batch = tokens.CreateBatch(chosen);
            var selection = Loaded.Model.SelectPerRow([.. chosen.Select(row => _tasks[places[row].Task].Name)]);
            var output = Loaded.Model.Forward(batch, selection);
            for (var i = 0; i < chosen.Length; i++)
            {
                var (task, row) = places[chosen[i]];
                tables[task].Add([row], output.RowLogits(i).data<float>().ToArray());
            }
        }
        return tables;
    }

    public void Dispose() => Loaded.Dispose();

    private LogitTable[] Tables() => [.. _tasks.Select(task => new LogitTable(task.Rows.Count, task.Alone.Width))];
}
