namespace PeftSharp.Runs.Estimates;

/// <summary>What a few steps and evaluation batches have shown.</summary>
public sealed record ProbeResult
{
    /// <summary>Training batches in the order that they ran.</summary>
    public required IReadOnlyList<ProbedBatch> Training { get; init; }

    /// <summary>Evaluation batches in the order that they ran; empty where the run has none.</summary>
    public required IReadOnlyList<ProbedBatch> Evaluation { get; init; }

    /// <summary>Mean seconds of an update of the weights.</summary>
    public required double UpdateSeconds { get; init; }

    /// <summary>Bytes that the process held before the first step.</summary>
    public required long Loaded { get; init; }

    /// <summary>
    /// Weights that the probed steps trained: those of the costliest phase of a run that has several; 0 (default) for those of the model.
    /// </summary>
    public long Trained { get; init; }

    /// <summary>The loss of each step.</summary>
    public required IReadOnlyList<double> Losses { get; init; }

    /// <summary>The process's peak in bytes after each step.</summary>
    public required IReadOnlyList<long> Peaks { get; init; }

    /// <summary>Steps whose shapes were chosen to be new; those after them are like any of the run's.</summary>
    public required int NewSteps { get; init; }

    /// <summary>True if memory still grew when the probe ended, though all shapes had been run.</summary>
    public required bool StillGrowing { get; init; }

    /// <summary>Large shapes that the whole run meets, and how many of them the probe has run.</summary>
    public required (int All, int Run) Shapes { get; init; }

    /// <summary>
    /// The peak in bytes that the largest batch was expected to bring, where it was not run for lack of memory; null where it was.
    /// </summary>
    public long? Refused { get; init; }
}
