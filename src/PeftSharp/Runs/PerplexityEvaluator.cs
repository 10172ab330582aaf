using System.Diagnostics;
using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Sites;
using PeftSharp.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Runs;

/// <summary>Scores a language model by the mean loss of the tokens that count, and its exponential, the perplexity.</summary>
/// <remarks>The mean goes over tokens, not over rows: how rows are put into batches, or packed, changes nothing.</remarks>
/// <param name="model">The model; its head gives tokens.</param>
/// <param name="selection">Which adapters act, on every row.</param>
/// <param name="rows">Rows whose tokens are their labels.</param>
/// <param name="lengths">Tokens of each row.</param>
/// <param name="maxTokens">Padded tokens a batch at most; default 512, as in training.</param>
public sealed class PerplexityEvaluator(
    PeftModel model, AdapterSelection selection, IRowBatches rows, IReadOnlyList<int> lengths, int maxTokens = TokenBatch.TokensPerPass)
        : IEvaluator
{
    /// <summary>Called after each batch with the rows done so far.</summary>
    public Action<int>? Progress { get; init; }

    /// <summary>The value that selects the best model: <c>perplexity</c> (default) or <c>loss</c>, which say the same.</summary>
    public string Primary { get; init; } = "perplexity";

    /// <inheritdoc/>
    /// <remarks>Values are <c>loss</c>, <c>perplexity</c> and <c>tokens</c>, the number of those that count.</remarks>
    /// <exception cref="PeftException">No token counts, or the head gives no tokens.</exception>
    public EvaluationResult Evaluate(CancellationToken cancellation = default)
    {
        if (model.Model.Head.VocabularyMap is null)
            throw new PeftException($"The model answers {model.Model.Head.Kind} and gives no tokens, so it has no perplexity; load it "
                + "for causal language or for texts from texts.");
        var watch = Stopwatch.StartNew();
        var (sum, weight, done) = (0.0, 0.0, 0);
        foreach (var batch in BatchPlan.ForEvaluation(lengths, maxTokens, added: model.Model.Sites.AddedTokens(selection)))
        {
            cancellation.ThrowIfCancellationRequested();
            var (batchSum, batchWeight) = Loss(batch);
            (sum, weight) = (sum + batchSum, weight + batchWeight);
            Progress?.Invoke(done += batch.Length);
        }
        if (weight == 0) throw new PeftException("No token of the rows counts: every answer lies beyond the greatest length; raise it, "
            + "or leave out rows with long prompts.");
        var mean = sum / weight;
        if (!double.IsFinite(mean)) throw new PeftException($"The loss is {mean}, which is no number; the weights of model or adapter "
            + "are damaged, or training diverged.");
        var values = new Dictionary<string, double> { ["loss"] = mean, ["perplexity"] = Math.Exp(mean), ["tokens"] = weight };
        return new(values, Primary, HigherIsBetter: false, rows.Count, watch.Elapsed.TotalSeconds);
    }

    /// <summary>The losses of a batch's tokens together, and how many they are.</summary>
    internal (double Sum, double Weight) Loss(int[] indices)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        using var batch = rows.CreateBatch(indices);
        var (mean, weight) = model.Model.Loss(batch, new ForwardContext { Selection = selection });
        return (weight * mean.to(ScalarType.Float64).item<double>(), weight);
    }
}
