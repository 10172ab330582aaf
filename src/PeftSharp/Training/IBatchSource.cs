using PeftSharp.Data;

namespace PeftSharp.Training;

/// <summary>Gives the trainer its batches: the same for the same epoch and index, so that a run can stop and go on.</summary>
public interface IBatchSource
{
    /// <summary>Number of examples of an epoch.</summary>
    int Examples { get; }

    /// <summary>Number of batches of any epoch.</summary>
    int BatchesPerEpoch { get; }

    /// <summary>A batch; the trainer disposes it.</summary>
    TokenBatch Batch(int epoch, int index);
}

/// <summary>Batches of a dataset in the order of a plan.</summary>
public sealed class PlannedBatches(IRowBatches data, BatchPlan plan) : IBatchSource
{
    private int _epoch = -1;
    private IReadOnlyList<int[]> _batches = [];

    /// <inheritdoc/>
    public int Examples => data.Count;

    /// <inheritdoc/>
    public int BatchesPerEpoch => plan.BatchesPerEpoch;

    /// <inheritdoc/>
    public TokenBatch Batch(int epoch, int index)
    {
        if (epoch != _epoch) (_epoch, _batches) = (epoch, plan.Epoch(epoch));
        return data.CreateBatch(_batches[index]);
    }
}
