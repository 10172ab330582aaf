using PeftSharp.Data;
using PeftSharp.Interop;

namespace PeftSharp.Training;

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

    /// <inheritdoc/>
    public IEnumerable<TokenBatch> EachExample(ulong seed)
    {
        foreach (var row in Enumerable.Range(0, data.Count).OrderBy(row => SeedSequence.Derive(seed, (ulong)row)))
        {
            using var one = data.CreateBatch([row]);
            yield return one;
        }
    }
}
