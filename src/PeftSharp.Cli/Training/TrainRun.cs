using System.Diagnostics;
using System.Text.Json.Nodes;
using PeftSharp.Cli.Methods;
using PeftSharp.Cli.Models;
using PeftSharp.Cli.Terminal;
using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Formats;
using PeftSharp.Methods;
using PeftSharp.Sites;
using PeftSharp.Training;

namespace PeftSharp.Cli.Training;

/// <summary>One training run from settings to a finished folder.</summary>
/// <param name="settings">The recipe and the options, merged.</param>
/// <param name="recipe">The recipe's file, for messages.</param>
/// <param name="changes">Settings of the method from the command line.</param>
/// <param name="remarks">Where remarks go.</param>
/// <param name="json">True writes run.json to standard output too.</param>
internal sealed class TrainRun(TrainSettings settings, string? recipe, IReadOnlyList<KeyValuePair<string, string>> changes, Remarks remarks, bool json)
{
    public int Run()
    {
        var watch = Stopwatch.StartNew();
        Need(settings.Base, "--base FOLDER", "base_model");
        Need(settings.Method, "--method NAME", "method");
        Need(settings.Data, "--data PATH", "data");
        Need(settings.Out, "--out FOLDER", "output_dir");
        var options = Options();
        using var folder = OutputFolder.Plan(settings.Out!, settings.Overwrite, settings.Base, settings.Data, settings.EvalData, settings.Rows, recipe);
        using var interruption = new Interruption();
        var inputs = TrainInputs.Load(settings, options, remarks, interruption.Token);
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive); // what reading left behind counts in the peak
        if (settings.DryRun) return new DryRun(settings, inputs, folder, remarks, json).Run(watch.Elapsed, interruption.Token);
        foreach (var line in ParameterLine.Of(inputs.Model, inputs.Adapter).Lines) (json ? Console.Error : Console.Out).WriteLine(line);

        folder.Create();
        var (result, progress) = Train(inputs, folder, interruption.Token);
        if (result.Steps == 0) throw new OperationCanceledException();
        // The last scores are those of the adapter as it is, unless the run was interrupted since.
        var final = result.Stopped && progress.Scores.LastOrDefault().Step != result.Steps ? null : result.Evaluation;
        Save(inputs, folder, progress);
        var document = RunDocument.Create(settings, inputs, result, final, progress, watch.Elapsed.TotalSeconds);
        File.WriteAllText(Path.Combine(folder.Aside, RunFile.Name), JsonOut.Text(document) + "\n");
        folder.Finish();
        Report(document, result, final);
        return result.Stopped ? ExitCode.Interrupted : ExitCode.Success;
    }

    private void Need(string? value, string option, string key)
    {
        if (string.IsNullOrEmpty(value))
            throw new UsageException(recipe is null ? $"peft train needs {option}; see \"peft train --help\"." : $"{recipe} has no \"{key}\"; add it, or give {option}.");
    }

    private MethodOptions Options()
    {
        var options = MethodName.Options(settings.Method!);
        if (recipe is not null) Recipe.CheckMethodKeys(recipe, settings, MethodSettings.Of(options.GetType()).Select(s => s.Name));
        options = MethodSettings.With(options, settings.Method!, settings.MethodSettings, settings.MethodSource);
        return MethodSettings.With(options, settings.Method!, changes, "--set");
    }

    private (TrainingResult, TrainProgress) Train(TrainInputs inputs, OutputFolder folder, CancellationToken cancellation)
    {
        var batches = new PlannedBatches(inputs.Train, inputs.Plan(settings));
        var evaluator = inputs.Evaluator();
        var progress = new TrainProgress(remarks);
        using var log = new JsonLinesLog(Path.Combine(folder.Aside, "training_log.jsonl"));
        using var trainer = new Trainer(inputs.Trained(settings), batches, settings.ForTrainer(inputs.IsFull, evaluator is not null), evaluator, log, progress);
        return (progress.Show(() => Run(trainer, progress, cancellation)), progress);
    }

    // An interrupted scoring leaves the adapter of the step before it.
    private static TrainingResult Run(Trainer trainer, TrainProgress progress, CancellationToken cancellation)
    {
        try
        {
            return trainer.Run(cancellation);
        }
        catch (OperationCanceledException) when (progress.Last is { } last)
        {
            return new(last.Step, true, false, last.Loss, null, 0, last.Elapsed.TotalSeconds, last.Elapsed.TotalSeconds, 0, 0);
        }
    }

    private void Save(TrainInputs inputs, OutputFolder folder, TrainProgress progress)
    {
        AdapterFolder.Save(inputs.Adapter, folder.Aside, inputs.Format);
        inputs.Tokenizer?.Save(folder.Aside);
        try
        {
            LossPlot.Write(Path.Combine(folder.Aside, "loss.png"), progress);
        }
        catch (Exception e) when (e is DllNotFoundException or TypeInitializationException or InvalidOperationException)
        {
            // The adapter matters, the picture does not: a system may lack what drawing needs.
            remarks.Write($"loss.png was not drawn ({e.GetType().Name}).");
        }
    }

    private void Report(JsonObject document, TrainingResult result, EvaluationResult? final)
    {
        if (json) JsonOut.Write(document);
        else
        {
            if (final is not null) Scoring.Table(final).Write();
            Console.Out.WriteLine($"{result.Steps} steps in {Format.Time(TimeSpan.FromSeconds(result.Seconds))}; adapter written to {settings.Out}");
        }
        if (result.Stopped) Console.Error.WriteLine($"Interrupted after step {result.Steps} of {document["total_steps"]}; the adapter as it was then is in {settings.Out}.");
        else if (result.EarlyStopped) remarks.Write($"Stopped early: no progress in {settings.EarlyStopping} scorings; the adapter is that of step {result.BestStep}.");
    }
}
