using System.Text;
using PeftSharp.Files.Json;
using PeftSharp.Formats;
using PeftSharp.Methods;
using PeftSharp.Metrics;
using PeftSharp.Runs.Estimates;
using PeftSharp.Runs.Proof;
using PeftSharp.Runs.Recipes;
using PeftSharp.Runs.Results;
using PeftSharp.Runs.Training;
using PeftSharp.Training;

namespace PeftSharp.Runs;

/// <summary>A file that a run would write.</summary>
/// <param name="Name">Its name in the output folder.</param>
/// <param name="Bytes">Its length.</param>
/// <param name="Exact">False where the length depends on what training yields.</param>
public sealed record ExpectedFile(string Name, long Bytes, bool Exact)
{
    // More points than this change neither the picture nor the mean length of a line.
    private const int MostSteps = 20_000;

    // Any number that is not short: most of a run's are not.
    private const double Some = 1.0 / 3;

    /// <summary>All files, as the run would write them if its losses were the probe's.</summary>
    internal static IReadOnlyList<ExpectedFile> All(
        TrainSettings settings, TrainInputs inputs, RunForecast forecast, ProbeResult probe, RunObserver observer)
    {
        var (curves, score) = (new TrainingCurves(), Score(inputs));
        var shown = (int)Math.Min(forecast.Steps, MostSteps);
        curves.Started(new(forecast.Steps, inputs.Train.Count, inputs.Adapter.TrainedWeights));
        for (var i = 1; i <= shown; i++)
            curves.StepCompleted(
                new(
                    forecast.Steps - shown + i, forecast.Steps, Some, probe.Losses[i % probe.Losses.Count], Some, Some, 100 + Some,
                    1000 + Some, default, default));
        if (score is not null)
            for (var i = 1; i <= Math.Min(forecast.Evaluations, shown); i++)
                curves.Evaluated(i * forecast.Steps / forecast.Evaluations, score, true);
        var result = new TrainingResult(
            forecast.Steps, false, false, Some, score, forecast.Evaluations == 0 ? 0 : forecast.Steps, Some, Some, forecast.Rows,
            forecast.Tokens);
        var run = RunDocument.Create(settings, inputs, result, score, curves, Some);
        ExpectedFile[] files = [
            .. AdapterFiles(inputs).Select(f => new ExpectedFile(f.Key, f.Value, !SizeIsLearned(inputs.Adapter))),
            .. Exactly(inputs.Tokenizer?.SavedFiles ?? []).Select(f => f with { Name = Own(inputs, f.Name) }),
            new("training_log.jsonl", Log(curves, forecast, score), false),
            .. observer.Attachments(curves).Select(file => new ExpectedFile(file.Key, file.Value.Length, false)),
            new(RunFile.Name, Encoding.UTF8.GetByteCount(JsonText.Text(run)) + 1, false),
            .. Proof(inputs),
        ];
        var mark = OutputFolder.MarkOf(files.Select(f => KeyValuePair.Create(f.Name, f.Bytes)), settings.Caller.Output);
        return [.. files, new(mark.Key, mark.Value, false)];
    }

    private static IReadOnlyList<KeyValuePair<string, long>> AdapterFiles(TrainInputs inputs) => inputs.Fused is null
        ? AdapterFolder.Files(inputs.Adapter, inputs.Format)
        : AdapterSetup.Files(inputs.Model, inputs.Adapter.Tag.Acts);

    private static string Own(TrainInputs inputs, string file) => Path.Combine(inputs.AdapterFolderName, file).Replace('\\', '/');

    private static bool SizeIsLearned(PeftMethod adapter) => MethodRegistry.ByPeftType(adapter.Options.PeftType)?.SizeIsLearned == true;

    private static IEnumerable<ExpectedFile> Exactly(IEnumerable<KeyValuePair<string, long>> files) =>
        files.Select(f => new ExpectedFile(f.Key, f.Value, true));

    private static long Log(TrainingCurves curves, RunForecast forecast, EvaluationResult? score)
    {
        var step = JsonLinesLog.Line(curves.Last!).Length + 1;
        return forecast.Steps * step
            + (score is null ? 0 : forecast.Evaluations * (JsonLinesLog.Line(forecast.Steps, score, true).Length + 1));
    }

    private static IEnumerable<ExpectedFile> Proof(TrainInputs inputs)
    {
        try
        {
            return [
                new(
                    Own(inputs, AdapterProof.FileName),
                    AdapterProof.ExpectedBytes(inputs.Model, inputs.Adapter, inputs.Format, inputs.Base.Folder, inputs.Tokenizer), false),
            ];
        }
        catch (PeftException)
        {
            return []; // a run that cannot be proved goes without
        }
    }

    // The metrics' names, with values as long as most are.
    private static EvaluationResult? Score(TrainInputs inputs)
    {
        if (inputs.Evaluator() is not { } evaluator) return null;
        if (inputs.IsOfTokens)
        {
            var values = new Dictionary<string, double> { ["loss"] = Some, ["perplexity"] = Some, ["tokens"] = inputs.Held!.Tokens };
            return new(values, inputs.Metrics.Primary, inputs.Metrics.HigherIsBetter, inputs.Held.Count, 0);
        }
        var table = new LogitTable(inputs.Held!.Count, inputs.Model.Model.Head.Outputs);
        table.Add([.. Enumerable.Range(0, inputs.Held.Count)], new float[inputs.Held.Count * inputs.Model.Model.Head.Outputs]);
        var score = evaluator.Score(table);
        return score with { Values = score.Values.ToDictionary(v => v.Key, _ => Some) };
    }
}
