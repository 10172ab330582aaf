using System.Text.Json.Nodes;

namespace PeftSharp.Training.Resume;

/// <summary>Saves a run's state while it goes. Give it to the trainer as an observer.</summary>
/// <param name="store">Where checkpoints are kept.</param>
/// <param name="run">Which run it is.</param>
/// <param name="options">When to save.</param>
/// <param name="log">The training log; its lines so far are saved along.</param>
/// <param name="extra">What the caller wants back after a resume; asked at each save.</param>
/// <param name="failed">Hears that a checkpoint could not be saved: training goes on, and the next one is tried when it is due. Null throws
/// instead.</param>
/// <param name="time">The clock; default the system's.</param>
public sealed class CheckpointWriter(
    CheckpointStore store, RunFingerprint run, CheckpointOptions? options = null, JsonLinesLog? log = null,
    Func<JsonObject?>? extra = null, Action<PeftException>? failed = null, TimeProvider? time = null) : ITrainingObserver
{
    /// <summary>A run of less than this saves its state only where that was asked for.</summary>
    internal static readonly TimeSpan LeastInterval = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(10);
    private readonly CheckpointOptions _options = options ?? new();
    private readonly TimeProvider _time = time ?? TimeProvider.System;
    private long _last = (time ?? TimeProvider.System).GetTimestamp();

    /// <summary>Step of the last checkpoint that this object saved; 0 if there is none.</summary>
    internal long SavedStep { get; private set; }

    /// <inheritdoc/>
    public void AtRest(Trainer trainer)
    {
        if (IsDue(trainer)) Save(trainer);
    }

    /// <inheritdoc/>
    public void Interrupted(Trainer trainer)
    {
        if (_options.Moment != SaveMoment.Never && trainer.State.Step > 0) Save(trainer);
    }

    private bool IsDue(Trainer trainer)
    {
        var (state, passed) = (trainer.State, _time.GetElapsedTime(_last));
        return _options.Moment switch
        {
            SaveMoment.Steps => state.Step % _options.Steps == 0,
            SaveMoment.Epoch => state.Position == 0,
            SaveMoment.Auto => passed >= Interval || (passed >= LeastInterval && (state.Position == 0 || trainer.IsOver)),
            _ => false,
        };
    }

    private void Save(Trainer trainer)
    {
        try
        {
            using var checkpoint = new TrainingCheckpoint(
                trainer.Export(), run, log?.Lines ?? [], trainer.TotalSteps, trainer.Epoch, extra?.Invoke());
            store.Save(checkpoint);
            SavedStep = checkpoint.Step;
        }
        catch (PeftException e) when (failed is not null)
        {
            failed(e);
        }
        _last = _time.GetTimestamp();
    }
}
