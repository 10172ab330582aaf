using System.Diagnostics;
using PeftSharp.Files;
using PeftSharp.Methods;
using PeftSharp.Metrics;
using PeftSharp.Runs.Joint;
using PeftSharp.Runs.Recipes;
using PeftSharp.Runs.Sources;
using PeftSharp.Runs.Trunk;
using PeftSharp.Training;

namespace PeftSharp.Runs.Training;

/// <summary>One training run from settings to a finished folder, or to an adapter in memory where no folder is named.</summary>
/// <param name="settings">The recipe and what was given besides, merged.</param>
/// <param name="changes">Settings of the method that win over the recipe's.</param>
/// <param name="observer">Watches it.</param>
internal sealed class TrainingRun(TrainSettings settings, IReadOnlyList<KeyValuePair<string, string>> changes, RunObserver observer)
{
    private readonly Stopwatch _watch = Stopwatch.StartNew();
    private RunObserver _observer = observer;

    /// <summary>Trains, from the start or from where an earlier process was cut off.</summary>
    /// <exception cref="OperationCanceledException">It was cancelled before its first step.</exception>
    public Run Execute(CancellationToken cancellation)
    {
        if (settings is { Resume: true, Out: not null, Base: null } && IsFinished()) return Finished();
        var start = Check(cancellation);
        using var folder = settings.Out is null ? null : RunFolder.Open(settings, Inputs);
        if (folder?.IsFinished == true) return Finished();
        RunInputs inputs = settings.Tasks.Count > 0 ? JointInputs.Load(settings, start.Options, _observer, cancellation)
            : TrainInputs.Load(settings, start, _observer, cancellation);
        folder?.Output.Protect(inputs.Base.Folder);
        _observer.Loaded(inputs.Parameters);
        return Train(inputs, folder, cancellation);
    }

    /// <summary>Loads and checks everything for a run in memory.</summary>
    public PreparedRun Prepare(CancellationToken cancellation)
    {
        if (settings.Out is not null)
            throw new SettingsException(
                $"{settings.Caller.Setting("output_dir", settings.Out)}: a run that is looked at before it is trained is kept in memory; "
                + "leave the folder out, and save the run afterwards.");
        if (settings.Tasks.Count > 0)
            throw new SettingsException(
                "A run with several tasks is not looked at before it is trained; run it, or prepare each task alone.");
        var start = Check(cancellation);
        var inputs = TrainInputs.Load(settings, start, _observer, cancellation);
        _observer.Loaded(inputs.Parameters);
        return new(this, inputs);
    }

    /// <summary>Trains what was prepared, in memory.</summary>
    public Run Train(TrainInputs inputs, RunObserver watcher, CancellationToken cancellation)
    {
        _observer = watcher;
        return Train(inputs, folder: null, cancellation);
    }

    private Run Train(RunInputs inputs, RunFolder? folder, CancellationToken cancellation)
    {
        var trunk = settings.CacheTrunk ? FrozenTrunk.Plan((TrainInputs)inputs, settings, _observer) : null;
        // What reading left behind counts in the peak.
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive);
        using var training = new TrainLoop(settings, inputs, folder, _observer);
        TrunkCache Build() => FrozenTrunk.Build(trunk!, (TrainInputs)inputs, settings, _observer, cancellation);
        void Accepted() => folder?.Start(settings, changes, inputs.Compute.Name);
        var (result, curves) = training.Run(_watch, Accepted, trunk is null ? null : Build, trunk?.LayersWithoutDropout ?? 0, cancellation);
        if (result.Steps == 0) throw new OperationCanceledException(cancellation);
        var run = Ended(inputs, training, result, curves);
        if (folder is not null) Write(run, folder, training);
        return run;
    }

    /// <summary>Tells what the run would count, need and write, after some of its steps; writes nothing.</summary>
    public DryRun Try(CancellationToken cancellation)
    {
        if (settings.Tasks.Count > 0)
            throw new SettingsException(
                $"{settings.Caller.Setting("dry_run")} tells of a run with one task, and {settings.Caller.Setting("tasks")} names several; "
                + "ask for each task alone.");
        var start = Check(cancellation);
        using var folder = settings.Out is null ? null : RunFolder.Look(settings, Inputs);
        var inputs = TrainInputs.Load(settings, start, _observer, cancellation);
        folder?.Protect(inputs.Base.Folder);
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive);
        return DryRun.Of(settings, inputs, folder, _observer, _watch.Elapsed, cancellation);
    }

    /// <summary>The settings of a run's method: the recipe's, then those given besides.</summary>
    public static MethodOptions OptionsOf(TrainSettings settings, IReadOnlyList<KeyValuePair<string, string>> changes)
    {
        var options = settings.MethodOptions ?? MethodName.Options(settings.Method!);
        if (settings.Recipe is { } recipe) RecipeFile.CheckMethodKeys(recipe, settings, options);
        options = MethodSettings.With(options, settings.Method!, settings.MethodSettings, settings.MethodSource);
        options = MethodSettings.With(options, settings.Method!, changes, settings.Caller.MethodSettings);
        if (settings.Tasks.Count == 0 && options.SharedName is { } shared)
            throw new SettingsException(
                $"\"{shared}\" is what several tasks share, and a run with one task would train it for that task alone; give the tasks "
                + $"with {settings.Caller.Setting("tasks")}, or leave the name out of the settings of {options.PeftType}.");
        return options;
    }

    private string?[] Inputs =>
        [
            settings.Base, settings.Adapter, settings.Data, settings.EvalData, settings.Rows, settings.Cache, settings.Recipe,
            .. FusedAdapters.Names(settings.Fuse),
            .. settings.Tasks.SelectMany(task => task.Paths),
        ];

    private RunStart Check(CancellationToken cancellation)
    {
        if (settings is { Adapter: null, Fuse: null })
        {
            Need(settings.Base, "base_model");
            if (settings.Method is null && settings.DefaultMethod is { } usual) TrainKeys.Find("method")!.Apply(settings, usual, "method");
            Need(settings.Method, "method");
        }
        if (settings.Tasks.Count > 0) JointInputs.Check(settings);
        else if (settings.TrainRows is null) Need(settings.Data, "data");
        if (settings.Caller.NeedsFolder) Need(settings.Out, "output_dir");
        if (settings is { Adapter: null, Fuse: null }) return new(OptionsOf(settings, changes), null, null);
        var folders = new ModelFolders(_observer, settings.Caller, cancellation);
        if (FusedAdapters.Open(settings, folders) is { } fused) return new(fused.OptionsFor(settings, changes), null, fused);
        var continued = ContinuedAdapter.Open(settings, folders)!;
        return new(continued.OptionsFor(settings, changes), continued, null);
    }

    private void Need(string? value, string key)
    {
        if (!string.IsNullOrEmpty(value)) return;
        if (settings is { Recipe: null, Resume: true, Base: not null } && key == "data")
            throw new SettingsException(
                $"The run in {settings.Out} was given its rows by a program; start that program again with FineTuning.Resuming.");
        throw new SettingsException(settings.Caller.Missing(key, settings.Recipe, settings.Resume, settings.Out));
    }

    // The recipe is gone once the result is in place.
    private bool IsFinished()
    {
        using var folder = RunFolder.Open(settings);
        return folder.IsFinished;
    }

    private Run Finished()
    {
        _observer.Remark($"The run in {settings.Out} has come to its end; there is nothing to go on with.");
        return Run.Earlier(settings.Out!);
    }

    private Run Ended(RunInputs inputs, TrainLoop training, TrainingResult result, TrainingCurves curves)
    {
        // The last scores are those of the adapter as it is, unless the run was interrupted since.
        var final = result.Stopped && curves.Scores.LastOrDefault().Step != result.Steps ? null : result.Evaluation;
        var learning = inputs.LearningRemark(settings, result, final, curves);
        var seconds = training.SecondsBefore + _watch.Elapsed.TotalSeconds;
        var document = RunDocument.Create(settings, inputs, result, final, curves, seconds, training.Trunk, learning);
        if (training.ResumedAt.Count > 0) document["resumed_at"] = training.ResumedAt.DeepClone();
        if (result is { EarlyStopped: true, Stopped: false })
            _observer.Remark(
                $"Stopped early: no progress in {settings.EarlyStopping} scorings; the adapter is that of step {result.BestStep}.");
        return new(inputs, settings, document, result, final, curves, training.Log, _observer) { LearningRemark = learning };
    }

    private void Write(Run run, RunFolder folder, TrainLoop training)
    {
        try
        {
            training.Dispose(); // the log is whole then
            run.WriteTo(folder.Output.Aside);
            folder.Finish(atEnd: !run.Result.Stopped);
        }
        catch (Exception e) when (AtomicFile.IsWriteFailure(e) || e is PeftException { InnerException: not null })
        {
            var next = folder.Checkpoints.Steps is [var step, ..]
                ? $"free some space and go on from step {step} with: {settings.Caller.GoOn(settings.Out!)}"
                : "free some space and run it again.";
            throw new PeftException($"The result could not be written to {settings.Out} ({AtomicFile.Reason(e)}); {next}", e);
        }
        run.Folder = settings.Out;
        run.CanGoOn = run.Interrupted && training.SavedStep == run.Result.Steps;
    }
}
