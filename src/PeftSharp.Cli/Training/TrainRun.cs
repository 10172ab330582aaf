using System.Diagnostics;
using System.Text.Json.Nodes;
using PeftSharp.Cli.Methods;
using PeftSharp.Cli.Models;
using PeftSharp.Cli.Terminal;
using PeftSharp.Cli.Training.Resume;
using PeftSharp.Files;
using PeftSharp.Formats;
using PeftSharp.Methods;
using PeftSharp.Runs;
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
        if (settings is { DryRun: true, Resume: true }) throw new UsageException("--dry-run tells of a run from its start; leave out --resume.");
        if (settings is { Resume: true, Out: not null, Base: null } && IsFinished()) return Finished();
        Need(settings.Base, "--base FOLDER", "base_model");
        Need(settings.Method, "--method NAME", "method");
        Need(settings.Data, "--data PATH", "data");
        Need(settings.Out, "--out FOLDER", "output_dir");
        var options = Options(settings, recipe, changes);
        if (settings.DryRun) return DryRun(options, watch);
        using var folder = RunFolder.Open(settings, Inputs);
        if (folder.IsFinished) return Finished();
        using var interruption = new Interruption();
        var inputs = TrainInputs.Load(settings, options, remarks, interruption.Token);
        folder.Output.Protect(inputs.Base.Folder);
        var trunk = settings.CacheTrunk ? FrozenTrunk.Plan(inputs, settings, remarks) : null;
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive); // what reading left behind counts in the peak
        foreach (var line in ParameterLine.Of(inputs.Model, inputs.Adapter).Lines) (json ? Console.Error : Console.Out).WriteLine(line);

        using var training = new TrainLoop(settings, inputs, folder, remarks);
        var (result, progress) = training.Run(
            watch, () => folder.Start(settings, changes, inputs.Compute.Name),
            trunk is null ? null : () => FrozenTrunk.Build(trunk, inputs, settings, remarks, interruption.Token), trunk?.LayersWithoutDropout ?? 0, interruption.Token);
        if (result.Steps == 0) throw new OperationCanceledException();
        // The last scores are those of the adapter as it is, unless the run was interrupted since.
        var final = result.Stopped && progress.Scores.LastOrDefault().Step != result.Steps ? null : result.Evaluation;
        var learning = LearningRemark.Of(settings, inputs, result, final, progress);
        var document = RunDocument.Create(settings, inputs, result, final, progress, training.SecondsBefore + watch.Elapsed.TotalSeconds, training.Trunk, learning);
        if (training.ResumedAt.Count > 0) document["resumed_at"] = training.ResumedAt.DeepClone();
        try
        {
            training.Dispose();
            Save(inputs, folder.Output, progress);
            AtomicFile.WriteText(Path.Combine(folder.Output.Aside, RunFile.Name), JsonOut.Text(document) + "\n");
            ProofWriter.AfterTraining(inputs, folder.Output.Aside, remarks);
            folder.Finish(atEnd: !result.Stopped);
        }
        catch (Exception e) when (AtomicFile.IsWriteFailure(e) || e is PeftException { InnerException: not null })
        {
            var next = folder.Checkpoints.Steps is [var step, ..] ? $"free some space and go on from step {step} with: peft train --resume --out {settings.Out}" : "free some space and run it again";
            throw new PeftException($"The result could not be written to {settings.Out} ({AtomicFile.Reason(e)}); {next}", e);
        }
        Report(document, result, final, training.SavedStep == result.Steps);
        if (learning is not null) remarks.Write($"remark: {learning}");
        return result.Stopped ? ExitCode.Interrupted : ExitCode.Success;
    }

    private string?[] Inputs => [settings.Base, settings.Data, settings.EvalData, settings.Rows, settings.Cache, recipe];

    private int DryRun(MethodOptions options, Stopwatch watch)
    {
        using var folder = RunFolder.Look(settings, Inputs);
        using var interruption = new Interruption();
        var inputs = TrainInputs.Load(settings, options, remarks, interruption.Token);
        folder.Protect(inputs.Base.Folder);
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive); // as above
        return new DryRun(settings, inputs, folder, remarks, json).Run(watch.Elapsed, interruption.Token);
    }

    private void Need(string? value, string option, string key)
    {
        if (string.IsNullOrEmpty(value))
            throw new UsageException(settings.Resume && recipe is null ? $"--resume: there is no run to go on with in {settings.Out ?? "an unnamed folder"}; give its folder (--out FOLDER), or the settings of a new one." : recipe is null ? $"peft train needs {option}; see \"peft train --help\"." : $"{recipe} has no \"{key}\"; add it, or give {option}.");
    }

    /// <summary>The settings of a run's method: the recipe's, then those of the command line.</summary>
    public static MethodOptions Options(TrainSettings settings, string? recipe, IReadOnlyList<KeyValuePair<string, string>> changes)
    {
        var options = MethodName.Options(settings.Method!);
        if (recipe is not null) Recipe.CheckMethodKeys(recipe, settings, MethodSettings.Of(options.GetType()).Select(s => s.Name));
        options = MethodSettings.With(options, settings.Method!, settings.MethodSettings, settings.MethodSource);
        return MethodSettings.With(options, settings.Method!, changes, "--set");
    }

    // The recipe is gone once the result is in place.
    private bool IsFinished()
    {
        using var folder = RunFolder.Open(settings);
        return folder.IsFinished;
    }

    private int Finished()
    {
        remarks.Write($"The run in {settings.Out} has come to its end; there is nothing to go on with.");
        if (json) JsonOut.Write(RunFile.TryRead(settings.Out!)!.Json);
        return ExitCode.Success;
    }

    private void Save(TrainInputs inputs, OutputFolder folder, TrainProgress progress)
    {
        AdapterFolder.Save(inputs.Adapter, folder.Aside, inputs.Format);
        inputs.Tokenizer?.Save(folder.Aside);
        if (inputs.Model.Model is { HasOwnPooling: true } apart)
            remarks.Write($"pooling {apart.Card.Pooling.ToString().ToLowerInvariant()}: Hugging Face's class has another, so Python's libraries refuse this adapter or leave its head out, rather than answer otherwise; for Python, merge it.");
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

    private void Report(JsonObject document, TrainingResult result, EvaluationResult? final, bool canGoOn)
    {
        if (json) JsonOut.Write(document);
        else
        {
            if (final is not null) Scoring.Table(final).Write();
            var steps = result.Steps == 1 ? "1 step" : $"{result.Steps} steps";
            Console.Out.WriteLine($"{steps} in {Format.Time(TimeSpan.FromSeconds(result.Seconds))}; adapter written to {settings.Out}");
        }
        if (result.Stopped) Console.Error.WriteLine($"Interrupted after step {result.Steps} of {document["total_steps"]}; the adapter as it was then is in {settings.Out}{(canGoOn ? $"; go on with: peft train --resume --out {settings.Out}" : ".")}");
        else if (result.EarlyStopped) remarks.Write($"Stopped early: no progress in {settings.EarlyStopping} scorings; the adapter is that of step {result.BestStep}.");
    }
}
