using System.Diagnostics;
using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Metrics;
using PeftSharp.Models.Heads;
using PeftSharp.Sites;
using PeftSharp.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Runs;

/// <summary>
/// Scores a model with a selection of adapters on a dataset; outputs come in the dataset's order, however they were batched.
/// </summary>
/// <param name="model">The model; its head classifies whole sequences, or regresses.</param>
/// <param name="selection">Which adapters act, on every row.</param>
/// <param name="data">The rows.</param>
/// <param name="metrics">What to compute; null for outputs alone.</param>
/// <param name="maxTokens">Padded tokens a batch at most; default 512, as in training.</param>
public sealed class Evaluator(
    PeftModel model, AdapterSelection selection, TokenizedDataset data, MetricSet? metrics = null,
    int maxTokens = TokenBatch.TokensPerPass) : IEvaluator
{
    /// <summary>Called after each batch with the rows done so far.</summary>
    public Action<int>? Progress { get; init; }

    /// <summary>
    /// Where batches of the rows come from; default: the data's tokens. A <see cref="Trunk.TrunkCache"/> of the same data spares the trunk.
    /// </summary>
    public IRowBatches? Source { get; init; }

    internal TokenizedDataset Data => data;

    private bool IsOfTokens => data.Data.Kind == LabelKind.Tokens;

    private PerplexityEvaluator OfTokens =>
        new(model, selection, data, data.Lengths, maxTokens) { Progress = Progress, Primary = metrics?.Primary ?? "perplexity" };

    /// <summary>The rows of each batch, the longest first.</summary>
    public IReadOnlyList<int[]> Batches =>
        BatchPlan.ForEvaluation(data.Lengths, maxTokens, added: model.Model.Sites.AddedTokens(selection));

    /// <summary>Runs the model on every row.</summary>
    /// <exception cref="PeftException">The head answers another kind of question, or a token id is outside the model's
    /// vocabulary.</exception>
    public LogitTable Outputs(CancellationToken cancellation = default)
    {
        CheckHead();
        CheckIds();
        var table = new LogitTable(data.Count, model.OutputsOf(selection));
        var done = 0;
        foreach (var rows in Batches)
        {
            cancellation.ThrowIfCancellationRequested();
            var outputs = Outputs(rows);
            CheckNumbers(rows, outputs, table.Width);
            table.Add(rows, outputs);
            Progress?.Invoke(done += rows.Length);
        }
        return table;
    }

    /// <summary>Runs the model on one batch: [rows, outputs], row by row.</summary>
    internal float[] Outputs(int[] rows)
    {
        if (IsOfTokens)
        {
            OfTokens.Loss(rows);
            return [];
        }
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        using var batch = (Source ?? data).CreateBatch(rows);
        return model.Forward(batch, selection).Logits.to(ScalarType.Float32).cpu().contiguous().data<float>().ToArray();
    }

    /// <inheritdoc/>
    /// <exception cref="InvalidOperationException">No metrics were given.</exception>
    public EvaluationResult Evaluate(CancellationToken cancellation = default)
    {
        if (IsOfTokens) return OfTokens.Evaluate(cancellation);
        var watch = Stopwatch.StartNew();
        return Score(Outputs(cancellation), watch);
    }

    /// <summary>Scores outputs that were computed before.</summary>
    public EvaluationResult Score(LogitTable outputs) => Score(outputs, Stopwatch.StartNew());

    private EvaluationResult Score(LogitTable outputs, Stopwatch watch)
    {
        var set = metrics ?? throw new InvalidOperationException("This evaluator was made without metrics.");
        LabelCheck.Require(data.Origin, model.Model, model.CardOf(selection), model.OutputsOf(selection));
        var values = new Dictionary<string, double> { ["loss"] = Loss(outputs) };
        foreach (var (name, value) in set.Compute(outputs.Values, data.Data)) values[name] = value;
        return new(values, set.Primary, set.HigherIsBetter, data.Count, watch.Elapsed.TotalSeconds);
    }

    // The mean over rows, whatever the batches were.
    private double Loss(LogitTable outputs)
    {
        var values = outputs.Values;
        var sum = 0.0;
        for (var row = 0; row < data.Count; row++)
        {
            var example = data.Data.Examples[row];
            var logits = values.Slice(row * outputs.Width, outputs.Width);
            sum += data.Data.Kind switch
            {
                LabelKind.Regression => Math.Pow(logits[0] - example.Target, 2),
                LabelKind.MultiLabel => EachLabel(logits, example.Labels ?? []),
                _ => CrossEntropy(logits, example.Label),
            };
        }
        return sum / data.Count;
    }

    private static double CrossEntropy(ReadOnlySpan<float> logits, int label)
    {
        double largest = float.NegativeInfinity, sum = 0;
        foreach (var logit in logits) largest = Math.Max(largest, logit);
        foreach (var logit in logits) sum += Math.Exp(logit - largest);
        return largest + Math.Log(sum) - logits[label];
    }

    // The mean over classes of log(1 + exp(-x)) where a class holds and of log(1 + exp(x)) where it does not.
    private static double EachLabel(ReadOnlySpan<float> logits, IReadOnlyList<int> labels)
    {
        var sum = 0.0;
        foreach (double logit in logits) sum += Math.Max(logit, 0) + Math.Log(1 + Math.Exp(-Math.Abs(logit)));
        foreach (var label in labels) sum -= logits[label];
        return sum / logits.Length;
    }

    private void CheckHead()
    {
        var head = model.Model.Head;
        if (head.Kind is not (TaskKind.Classification or TaskKind.MultiLabel or TaskKind.Regression))
            throw new PeftException(
                $"The model answers {head.Kind} and not a question about whole texts; load it for classification or regression.");
    }

    // An infinite or undefined output has a largest class too, which means nothing.
    private void CheckNumbers(int[] rows, float[] outputs, int width)
    {
        for (var i = 0; i < outputs.Length; i++)
            if (!float.IsFinite(outputs[i]))
                throw new PeftException(
                    $"{data.Data.Examples[rows[i / width]].Place(data.Data.Source)}: the model's answer is {outputs[i]}, which is no "
                    + "number; the weights of model or adapter are damaged, or training diverged.");
    }

    /// <summary>Refuses ids that the model has no vectors for.</summary>
    internal void CheckIds()
    {
        var vocabulary = model.Model.Config.Int("vocab_size", int.MaxValue);
        for (var row = 0; row < data.Count; row++)
            foreach (var id in data.Ids(row))
                if (id >= vocabulary)
                    throw new PeftException(
                        $"{data.Data.Examples[row].Place(data.Data.Source)}: token id {id} is outside the model's vocabulary of "
                        + $"{vocabulary}; the ids were made for another model.");
    }
}
