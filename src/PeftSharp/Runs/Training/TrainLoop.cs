using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Formats;
using PeftSharp.Runs.Identity;
using PeftSharp.Runs.Recipes;
using PeftSharp.Runs.Trunk;
using PeftSharp.Sites;
using PeftSharp.Training;
using PeftSharp.Training.Resume;

namespace PeftSharp.Runs.Training;

/// <summary>The training of a run: from its start, or from its newest good checkpoint.</summary>
internal sealed class TrainLoop(TrainSettings settings, RunInputs inputs, RunFolder? folder, RunObserver observer) : IDisposable
{
    public const string LogName = "training_log.jsonl";

    private JsonLinesLog? _log;
    // Steps saved when a failure was last told: it is told again only if one was saved since.
    private long _warnedAfter = -1;

    /// <summary>Steps at which the run was taken up again.</summary>
    public JsonArray ResumedAt { get; private set; } = [];

    /// <summary>Wall-clock seconds of the processes before this one, up to the checkpoint.</summary>
    public double SecondsBefore { get; private set; }

    /// <summary>Step of the last checkpoint of this process; 0 if there is none.</summary>
    public long SavedStep { get; private set; }

    /// <summary>Trains.</summary>
    /// <param name="watch">Runs since the program's start.</param>
    /// <param name="accepted">Called once nothing is left to be refused.</param>
    /// <param name="build">Computes the frozen trunk, where the run has one, after that.</param>
    /// <param name="quiet">Lowest layers in which that leaves no dropout.</param>
    /// <param name="cancellation">Stops after the step.</param>
    public (TrainingResult, TrainingCurves) Run(
        Stopwatch watch, Action accepted, Func<TrunkCache>? build, int quiet, CancellationToken cancellation)
    {
        var options = settings.ForTrainer(inputs.IsFull, inputs.IsScored);
        var identity = folder is null ? null : inputs.Identity(settings, options, quiet);
        using var checkpoint = settings.Resume ? folder?.Checkpoints.Newest(observer.Remark) : null;
        checkpoint?.Run.Require(identity!, Path.GetFileName(checkpoint.Path)!);
        accepted();
        var trunk = Trunk = build?.Invoke();
        var curves = new TrainingCurves(observer);
        var log = _log = folder is null ? JsonLinesLog.InMemory() : new(Path.Combine(folder.Output.Aside, LogName), checkpoint?.Log ?? []);
        var writer = folder is null ? null : Writer(folder, identity!, log, watch);
        ITrainingObserver[] observers = writer is null ? [log, curves] : [log, curves, writer];
        var batches = inputs.BatchesFor(settings, trunk);
        using var trainer = new Trainer(inputs.Trained(settings, quiet), batches, options, inputs.Evaluator(trunk), observers);
        if (checkpoint is not null) TakeUp(checkpoint, trainer, curves, identity!);
        else if (settings.Resume) observer.Remark("There is no checkpoint yet, so the run starts from its beginning.");
        var result = observer.During(RunStage.Training, "training", () => trainer.Run(cancellation));
        SavedStep = writer?.SavedStep ?? 0;
        return (result, curves);
    }

    /// <summary>What was computed once, if the run has a frozen trunk.</summary>
    public TrunkCache? Trunk { get; private set; }

    /// <summary>The log's lines.</summary>
    public IReadOnlyList<string> Log => _log?.Lines ?? [];

    /// <summary>Closes the log and lets the trunk's file go.</summary>
    /// <exception cref="PeftException">Lines are left that cannot be written.</exception>
    public void Dispose()
    {
        Trunk?.Dispose();
        _log?.Dispose();
    }

    private void TakeUp(TrainingCheckpoint checkpoint, Trainer trainer, TrainingCurves curves, RunFingerprint identity)
    {
        trainer.Import(checkpoint.Snapshot);
        try
        {
            curves.Restore(checkpoint);
            ResumedAt = (JsonArray?)checkpoint.Extra?["resumed_at"]?.DeepClone() ?? [];
            SecondsBefore = checkpoint.Extra?["seconds"]?.GetValue<double>() ?? 0;
        }
        catch (Exception e) when (
            e is JsonException or InvalidOperationException or InvalidCastException or NullReferenceException or FormatException)
        {
            throw new PeftException($"{checkpoint.Path} holds a log that this program did not write; start the run anew.", e);
        }
        // Its tensors are views of a file that is to be deleted later.
        checkpoint.Dispose();
        ResumedAt.Add(checkpoint.Step);
        observer.Remark($"Going on after step {checkpoint.Step} of {trainer.TotalSteps}.");
        if (checkpoint.Run.Machine != identity.Machine)
            observer.Remark(
                $"The run was saved on another machine ({checkpoint.Run.Machine}; here {identity.Machine}): it goes on, but its last "
                + "digits may differ from those of an unbroken run.");
    }

    private JsonObject Extra(Stopwatch watch) =>
        new() { ["resumed_at"] = ResumedAt.DeepClone(), ["seconds"] = SecondsBefore + watch.Elapsed.TotalSeconds };

    // Hours of training outweigh a checkpoint: space may be free again by the next one.
    private CheckpointWriter Writer(RunFolder place, RunFingerprint identity, JsonLinesLog log, Stopwatch watch)
    {
        CheckpointWriter writer = null!;
        void Failed(PeftException failure)
        {
            if (_warnedAfter != writer.SavedStep)
                observer.Warn(
                    $"{failure.Message.TrimEnd('.')}; training goes on, earlier checkpoints are kept, and the next one is tried when it "
                    + "is due.");
            _warnedAfter = writer.SavedStep;
        }
        return writer = new(place.Checkpoints, identity, settings.ForCheckpoints(), log, () => Extra(watch), Failed);
    }
}
