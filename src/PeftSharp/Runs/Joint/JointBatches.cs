using PeftSharp.Data;
using PeftSharp.Training;

namespace PeftSharp.Runs.Joint;

/// <summary>
/// Batches of several tasks, each of one task's rows. A task goes through its own rows in its own order, epoch by epoch, however often the
/// others come in between.
/// </summary>
public sealed class JointBatches : IBatchSource
{
    private readonly IReadOnlyList<IBatchSource> _tasks;
    private readonly TaskSchedule _schedule;
    private int _epoch = -1;
    private IReadOnlyList<(int Task, long Ordinal)> _order = [];

    /// <summary>Puts the batches of several tasks in an order.</summary>
    /// <param name="tasks">The batches of each task.</param>
    /// <param name="temperature">See <see cref="TaskSchedule"/>; above 0; default 1.</param>
    /// <param name="seed">Seed of the orders of all epochs; default 42.</param>
    /// <exception cref="PeftException">The temperature is not above 0, or a task has no rows.</exception>
    public JointBatches(IReadOnlyList<IBatchSource> tasks, double temperature = 1, ulong seed = 42)
    {
        _tasks = tasks;
        Examples = tasks.Sum(task => task.Examples);
        BatchesPerEpoch = tasks.Sum(task => task.BatchesPerEpoch);
        _schedule = new([.. tasks.Select(task => task.Examples)], Math.Max(1, BatchesPerEpoch), temperature, seed);
    }

    /// <summary>The share of each task's batches.</summary>
    internal IReadOnlyList<double> Shares => _schedule.Shares;

    /// <inheritdoc/>
    public int Examples { get; }

    /// <inheritdoc/>
    /// <remarks>As many as all tasks have together, whatever the shares.</remarks>
    public int BatchesPerEpoch { get; }

    /// <inheritdoc/>
    public TokenBatch Batch(int epoch, int index)
    {
        if (epoch != _epoch) (_epoch, _order) = (epoch, _schedule.Epoch(epoch));
        var (task, ordinal) = _order[index];
        var (own, place) = Math.DivRem(ordinal, _tasks[task].BatchesPerEpoch);
        var batch = _tasks[task].Batch((int)own, (int)place);
        batch.Task = task;
        return batch;
    }
}
