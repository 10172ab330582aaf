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

    /// <summary>
    /// Every example as a batch of its own, without padding, each released when the next is asked for; by default in the order of the first
    /// epoch.
    /// </summary>
    /// <param name="seed">Decides the order where the source can choose it freely: it does not depend on the size of batches then.</param>
    IEnumerable<TokenBatch> EachExample(ulong seed)
    {
        for (var i = 0; i < BatchesPerEpoch; i++)
        {
            using var batch = Batch(0, i);
            for (var row = 0; row < batch.Rows; row++)
            {
                using var one = batch.Row(row);
                yield return one;
            }
        }
    }
}
