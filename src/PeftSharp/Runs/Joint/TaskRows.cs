using PeftSharp.Data;

namespace PeftSharp.Runs.Joint;

/// <summary>The rows of one task of a joint run: its batches say whose they are.</summary>
/// <param name="rows">The rows.</param>
/// <param name="task">The task, from 0.</param>
internal sealed class TaskRows(IRowBatches rows, int task) : IRowBatches
{
    /// <inheritdoc/>
    public int Count => rows.Count;

    /// <inheritdoc/>
    public TokenBatch CreateBatch(ReadOnlySpan<int> indices)
    {
        var batch = rows.CreateBatch(indices);
        batch.Task = task;
        return batch;
    }
}
