using PeftSharp.Data;
using PeftSharp.Metrics;
using PeftSharp.Runs;
using PeftSharp.Runs.Scores;
using PeftSharp.Sites;
using PeftSharp.Training;

namespace PeftSharp.Benchmarks.Shelf;

/// <summary>An adapter with the rows that it is asked about, and what it answers them where nothing else is loaded.</summary>
internal sealed class ShelfTask : IDisposable
{
    private readonly TokenizedDataset _tokens;
    private readonly MetricSet _metrics;

    private ShelfTask(string name, string folder, TextDataset rows, TokenizedDataset tokens, MetricSet metrics, LogitTable alone)
    {
        (Name, Folder, Rows, _tokens, _metrics, Alone) = (name, folder, rows, tokens, metrics, alone);
    }

    /// <summary>Its name on the shelf.</summary>
    public string Name { get; }

    /// <summary>The adapter's folder.</summary>
    public string Folder { get; }

    /// <summary>The rows, their classes numbered as the adapter's outputs are.</summary>
    public TextDataset Rows { get; }

    /// <summary>What a model answers that was loaded with this adapter and no other.</summary>
    public LogitTable Alone { get; }

    /// <summary>Loads the adapter on a base of its own, and asks it.</summary>
    /// <param name="name">The name.</param>
    /// <param name="baseFolder">The base.</param>
    /// <param name="folder">The adapter.</param>
    /// <param name="data">The rows: a file, or a folder with a validation part.</param>
    /// <param name="options">How it is loaded.</param>
    public static ShelfTask Ask(string name, string baseFolder, string folder, string data, LoadOptions options)
    {
        using var loaded = LoadedModel.Open(baseFolder, folder, options);
        var found = Evaluation.Run(loaded, data);
        var encoder = new TokenizerTextEncoder(loaded.Tokenizer()!);
        var tokens = TokenizedDataset.Create(found.Data, encoder, loaded.MaxLength());
        var metrics = Scoring.MetricsFor(found.Data, found.Task is { } task ? GlueTask.Find(task) : null, null);
        var alone = new Evaluator(loaded.Model, loaded.Selection, tokens).Outputs();
        return new(name, folder, found.Data, tokens, metrics, alone);
    }

    /// <summary>What scores these rows with a model that has the adapter among others.</summary>
    public Evaluator On(LoadedModel shelf) => new(shelf.Model, shelf.Model.Select(Name), _tokens, _metrics);

    /// <summary>What answers are worth.</summary>
    public EvaluationResult Score(LoadedModel shelf, LogitTable answers) => On(shelf).Score(answers);

    public void Dispose()
    {
        _tokens.Dispose();
        Rows.Dispose();
    }
}
