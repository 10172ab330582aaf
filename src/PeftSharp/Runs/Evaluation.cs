using System.Diagnostics;
using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Metrics;
using PeftSharp.Models.Heads;
using PeftSharp.Runs.Rows;
using PeftSharp.Runs.Scores;
using PeftSharp.Training;

namespace PeftSharp.Runs;

/// <summary>A model, with an adapter or alone, scored on labelled rows.</summary>
public sealed class Evaluation
{
    internal Evaluation(
        TextDataset data, GlueTask? task, EvaluationResult scores, ConfusionMatrix? confusion, IReadOnlyList<string> remarks) =>
        (Data, GlueTask, Scores, Confusion, Remarks) = (data, task, scores, confusion, remarks);

    /// <summary>What each class scores, where any number of them may hold at once; null for other answers.</summary>
    public MultiLabelScores? EachLabel { get; private init; }

    /// <summary>The rows, their classes numbered as the model's outputs are.</summary>
    public TextDataset Data { get; }

    /// <summary>The GLUE task that the rows belong to; null for none. It decides which metrics are computed.</summary>
    public string? Task => GlueTask?.Name;

    private GlueTask? GlueTask { get; }

    /// <summary>The metrics, and the time that they took.</summary>
    public EvaluationResult Scores { get; }

    /// <summary>True classes against answers; null for numbers, and where any number of classes may hold at once.</summary>
    public ConfusionMatrix? Confusion { get; }

    /// <summary>
    /// What makes the scores say less than they seem to, a sentence each: rows that were cut, rows of one class, answers that are all
    /// alike.
    /// </summary>
    public IReadOnlyList<string> Remarks { get; }

    /// <summary>
    /// What the model wrote, an answer for each different prompt, in the order of their first rows; empty unless it was asked to write
    /// (<see cref="EvaluationOptions.Generate"/>).
    /// </summary>
    public IReadOnlyList<ScoredAnswer> Answers { get; internal init; } = [];

    /// <summary>Scores a model on rows of files, read by the columns that it was trained on unless others are named.</summary>
    /// <param name="model">The model.</param>
    /// <param name="data">A file, a pattern, or a folder, of which the validation part is read.</param>
    /// <param name="options">What is read, and which metric is named first.</param>
    /// <param name="cancellation">Stops the work between batches.</param>
    /// <exception cref="PeftException">The rows are not what the model answers, or the model answers another kind of question.</exception>
    public static Evaluation Run(
        LoadedModel model, string data, EvaluationOptions? options = null, CancellationToken cancellation = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(data);
        return Run(model, new DataRequest(data), options ?? new(), Caller.Program, RunObserver.None, cancellation);
    }

    /// <summary>Scores a model on rows that were read; their classes may be numbered otherwise than the model's.</summary>
    /// <param name="model">The model.</param>
    /// <param name="rows">The rows; they stay the caller's.</param>
    /// <param name="options">Which metric is named first.</param>
    /// <param name="cancellation">Stops the work between batches.</param>
    /// <exception cref="PeftException">As above.</exception>
    public static Evaluation Run(
        LoadedModel model, TextDataset rows, EvaluationOptions? options = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(rows);
        var alike = rows;
        if (!model.IsRegression && rows.LabelNames is { } names)
        {
            if (names.Count == model.Labels.Count && LabelNames.Places(model.Labels, names) is null)
                throw new PeftException(
                    $"{rows.Source} has the classes {string.Join(", ", names.Take(10))}, but the model answers "
                    + $"{string.Join(", ", model.Labels.Take(10))}; give rows of its task.");
            alike = rows.Among(new LabelMap(model.Labels));
        }
        return Run(model, new DataRequest(rows.Source) { Given = alike }, options ?? new(), Caller.Program, RunObserver.None, cancellation);
    }

    /// <summary>Scores a model on rows that a request describes.</summary>
    /// <param name="model">The model.</param>
    /// <param name="request">Which rows; columns that it does not name are those of training.</param>
    /// <param name="options">Which metric is named first.</param>
    /// <param name="caller">Who asks, for messages.</param>
    /// <param name="observer">Hears what was left out.</param>
    /// <param name="cancellation">Stops the work between batches.</param>
    /// <exception cref="PeftException">As above.</exception>
    public static Evaluation Run(
        LoadedModel model, DataRequest request, EvaluationOptions options, Caller caller, RunObserver observer,
        CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        request = request with
        {
            Caller = caller,
            Text = request.Text ?? options.TextColumn,
            Pair = request.Pair ?? options.PairColumn,
            Label = request.Label ?? options.LabelColumn,
            Usual = model.Columns,
        };
        if (model.Model.Model.Head.Kind is TaskKind.CausalLanguage or TaskKind.SequenceToSequence)
            return new AnswerEvaluation(model, request with { Kind = LabelKind.Tokens }, options, observer).Run(cancellation);
        if (options.Generate is not null || options.Prompts is not null)
            throw new PeftException(
                $"{model.AdapterFolder ?? model.BaseFolder} answers {model.Model.Model.Head.Kind} and writes no text, so no written answer "
                + "can be scored; leave that out.");
        model.RequireHead();
        var (data, task) = (request with
        {
            Kind = LabelCheck.KindOf(model.Model.Model.Head.Kind),
            Labels = model.IsRegression ? null : new LabelMap(model.Labels),
        }).Load();
        foreach (var line in LeftOut.Lines(data)) observer.Remark(line);
        Scoring.Match(data, model);
        using var tokens = Encoders.Encode(
            data, model.Tokenizer(), model.Model.Model, model.BaseFolder, model.MaxLength(options.MaxLength), caller, cancellation);
        model.RequireRowsLike(tokens.Origin);
        var evaluator = new Evaluator(model.Model, model.Selection, tokens, Scoring.MetricsFor(data, task, options.Metric));
        var watch = Stopwatch.StartNew();
        var outputs = evaluator.Outputs(cancellation);
        var scores = evaluator.Score(outputs) with { Seconds = watch.Elapsed.TotalSeconds };
        var remarks = new[] { LeftOut.Cut(tokens, caller) }.Concat(Doubts(data, outputs, model, caller)).OfType<string>();
        if (data.Kind != LabelKind.MultiLabel)
            return new(data, task, scores, model.IsRegression ? null : Scoring.Confusion(outputs, data), [.. remarks]);
        return new(data, task, scores, null, [.. remarks])
        {
            EachLabel = new(outputs.Values, [.. data.Examples.Select(row => row.Labels ?? [])], outputs.Width),
        };
    }

    // Scores that look good and say nothing.
    private static IEnumerable<string> Doubts(TextDataset data, LogitTable outputs, LoadedModel model, Caller caller)
    {
        if (model.IsRegression) yield break;
        if (data.Kind == LabelKind.MultiLabel)
        {
            if (LearningCheck.OnlySet(outputs) is { } set)
            {
                var names = string.Join(", ", set.Take(10).Select(label => data.LabelNames![label]));
                yield return $"Every row is answered with {(set.Count == 0 ? "no label" : $"the same labels ({names})")}: check that data "
                    + $"and model belong together, or train further (another {caller.Setting("pooling")} or "
                    + $"{caller.Setting("learning_rate")}).";
            }
            yield break;
        }
        var counts = data.Examples.GroupBy(row => row.Label).Select(group => (Label: group.Key, Count: group.Count())).ToList();
        var only = LearningCheck.OnlyAnswer(MetricSet.Predictions(outputs.Values, outputs.Width));
        if (counts.Count == 1)
            yield return $"All rows have the label \"{data.LabelNames![counts[0].Label]}\": scores on them do not tell whether the model "
                + "knows the others.";
        else if (only >= 0)
            yield return $"Every row is answered \"{data.LabelNames![only]}\": the scores only tell how many rows have that label; check "
                + $"that data and model belong together, or train further (another {caller.Setting("pooling")} or "
                + $"{caller.Setting("learning_rate")}).";
    }
}
