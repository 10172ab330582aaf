using System.Text.Json.Nodes;

namespace PeftSharp.Training.Resume;

/// <summary>Everything that a checkpoint holds.</summary>
/// <param name="Snapshot">The trainer's state; owned.</param>
/// <param name="Run">Which run it belongs to.</param>
/// <param name="Log">The lines of the training log up to here, each a JSON object; the log of a resumed run starts with them.</param>
/// <param name="MaxSteps">Optimizer steps planned.</param>
/// <param name="Epoch">Passes over the data so far, a fraction.</param>
/// <param name="Extra">What the caller wants back.</param>
public sealed record TrainingCheckpoint(
    TrainerSnapshot Snapshot, RunFingerprint Run, IReadOnlyList<string> Log, long MaxSteps, double Epoch,
    JsonObject? Extra = null) : IDisposable
{
    /// <summary>The folder that it was read from; null before it is saved.</summary>
    public string? Path { get; init; }

    /// <summary>Optimizer steps completed.</summary>
    public long Step => Snapshot.State.Step;

    /// <inheritdoc/>
    public void Dispose() => Snapshot.Dispose();
}
