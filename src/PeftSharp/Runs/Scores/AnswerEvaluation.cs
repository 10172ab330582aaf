using System.Diagnostics;
using PeftSharp.Data;
using PeftSharp.Data.Instruct;
using PeftSharp.Generation;
using PeftSharp.Metrics;
using PeftSharp.Runs.Rows;
using PeftSharp.Training;

namespace PeftSharp.Runs.Scores;

/// <summary>
/// Scores a model that writes on prompts with answers: how likely it holds the answers, and where asked, how near its own come to them.
/// </summary>
/// <param name="model">The model.</param>
/// <param name="request">The rows.</param>
/// <param name="options">What is scored.</param>
/// <param name="observer">Hears remarks and progress.</param>
internal sealed class AnswerEvaluation(LoadedModel model, DataRequest request, EvaluationOptions options, RunObserver observer)
{
    private static readonly string[] OfTokens = ["perplexity", "loss"];

    private bool Writes => options.Generate is not null || TextScores.Names.Contains(options.Metric);

    /// <summary>Scores the rows.</summary>
    /// <exception cref="PeftException">A setting is out of range, or rows are not what the model reads.</exception>
    public Evaluation Run(CancellationToken cancellation)
    {
        var primary = Primary();
        if (options.Prompts is { } most && (!Writes || most < 1))
            throw new PeftException(Writes ? $"{most} prompts were asked for; score at least one."
                : "A number of prompts was asked for, but the model is not asked to write; ask it to, or take a number of rows.");
        var (data, task) = request.Load();
        foreach (var line in LeftOut.Lines(data)) observer.Remark(line);
        IReadOnlyList<PromptRows> prompts = Writes ? PromptRows.Of(data) : [];
        if (options.Prompts < prompts.Count)
        {
            prompts = [.. prompts.Take(options.Prompts.Value)];
            data = data.Subset(prompts.SelectMany(prompt => prompt.Rows).Order());
        }
        var watch = Stopwatch.StartNew();
        using var tokens = Encoders.Encode(
            data, model.Tokenizer(), model.Model.Model, model.BaseFolder, model.MaxLength(options.MaxLength), request.Caller, cancellation);
        var likely = new PerplexityEvaluator(model.Model, model.Selection, tokens, tokens.Lengths).Evaluate(cancellation);
        IReadOnlyList<string> remarks = LeftOut.Cut(tokens, request.Caller) is { } cut ? [cut] : [];
        if (!Writes) return new(data, task, likely with { Primary = primary }, null, remarks);
        var answers = Write(prompts, cancellation);
        var values = new Dictionary<string, double>(likely.Values);
        Score(answers, values);
        var scores = new EvaluationResult(
            values, primary, TextScores.Names.Contains(primary), data.Count, watch.Elapsed.TotalSeconds);
        return new(data, task, scores, null, remarks) { Answers = answers };
    }

    private string Primary()
    {
        if (options.Metric is not { } asked) return Writes ? TextScores.Names[0] : OfTokens[0];
        return OfTokens.Concat(TextScores.Names).Contains(asked) ? asked
            : throw new PeftException($"There is no metric '{asked}' for this task; the metrics are "
                + $"{string.Join(", ", OfTokens.Concat(TextScores.Names))}.");
    }

    private List<ScoredAnswer> Write(IReadOnlyList<PromptRows> prompts, CancellationToken cancellation)
    {
        var writer = new PromptWriter(model, options.Generate ?? new());
        var written = observer.During(RunStage.Answering, "answers", () => writer.Write(
            prompts, done => observer.Progressed(RunStage.Answering, done, prompts.Count), cancellation));
        return [.. prompts.Select((prompt, i) =>
            new ScoredAnswer(prompt.Text, written[i], prompt.References, RougeL.Of(written[i], prompt.References)))];
    }

    private static void Score(List<ScoredAnswer> answers, Dictionary<string, double> values)
    {
        var bleu = Bleu.Corpus([.. answers.Select(answer => answer.Answer)], [.. answers.Select(answer => answer.References)]);
        values["bleu"] = bleu.Score;
        values["rouge_l"] = answers.Average(answer => answer.RougeL);
        values["brevity_penalty"] = bleu.BrevityPenalty;
        values["prompts"] = answers.Count;
    }
}
