using PeftSharp.Data;

namespace PeftSharp.Runs.Joint;

/// <summary>
/// Which task each batch of a joint run is of: a function of seed and epoch alone. A task of n rows has a share of the batches that is
/// proportional to n^(1/T): T = 1 follows the sizes, a high T evens them out (Raffel et al. 2019, arXiv 1910.10683, §3.5.2).
/// </summary>
/// <remarks>Shares are kept exactly, and not drawn: after any number of epochs no task is off its share by more than one batch.</remarks>
internal sealed class TaskSchedule
{
    private readonly ulong _seed;
    // Batches of each task before each epoch, as far as they have been counted.
    private readonly List<long[]> _before;

    /// <summary>Plans the order.</summary>
    /// <param name="rows">Rows of each task, each 1 or more.</param>
    /// <param name="batchesPerEpoch">Batches of all tasks together in an epoch, 1 or more.</param>
    /// <param name="temperature">T; above 0.</param>
    /// <param name="seed">Seed of the orders of all epochs.</param>
    /// <exception cref="PeftException">The temperature is not above 0, or a task has no rows.</exception>
    public TaskSchedule(IReadOnlyList<int> rows, int batchesPerEpoch, double temperature, ulong seed)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(batchesPerEpoch, 1);
        (Shares, BatchesPerEpoch, _seed) = (SharesOf(rows, temperature), batchesPerEpoch, seed);
        _before = [new long[rows.Count]];
    }

    /// <summary>The share of each task's batches; they sum up to 1.</summary>
    public IReadOnlyList<double> Shares { get; }

    /// <summary>Batches of an epoch.</summary>
    public int BatchesPerEpoch { get; }

    /// <summary>The task of each batch of an epoch (from 0), and how many batches of that task came before it in the whole run.</summary>
    public IReadOnlyList<(int Task, long Ordinal)> Epoch(int epoch)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(epoch);
        while (_before.Count <= epoch) Order(_before.Count - 1);
        var given = (long[])_before[epoch].Clone();
        var order = Order(epoch);
        new SeededRandom(_seed, (ulong)epoch).Shuffle<int>(order);
        return [.. order.Select(task => (task, given[task]++))];
    }

    /// <summary>n^(1/T) of each task, divided by their sum.</summary>
    /// <exception cref="PeftException">The temperature is not above 0, or a task has no rows.</exception>
    public static IReadOnlyList<double> SharesOf(IReadOnlyList<int> rows, double temperature)
    {
        if (!(temperature > 0)) throw new PeftException($"The sampling temperature is {temperature}; expected a number above 0.");
        if (rows.Count == 0 || rows.Any(count => count < 1)) throw new PeftException("A task of a joint run has no rows to train on.");
        // Relative to the largest, so that a low temperature does not overflow.
        var largest = (double)rows.Max();
        double[] powers = [.. rows.Select(count => Math.Pow(count / largest, 1 / temperature))];
        var all = powers.Sum();
        return [.. powers.Select(power => power / all)];
    }

    // The next batch goes to the task that lags most behind its share.
    private int[] Order(int epoch)
    {
        var given = (long[])_before[epoch].Clone();
        var order = new int[BatchesPerEpoch];
        for (var i = 0; i < order.Length; i++)
        {
            var soFar = (double)epoch * BatchesPerEpoch + i + 1;
            var next = 0;
            for (var task = 1; task < given.Length; task++)
                if (soFar * Shares[task] - given[task] > soFar * Shares[next] - given[next]) next = task;
            given[next]++;
            order[i] = next;
        }
        if (_before.Count == epoch + 1) _before.Add(given);
        return order;
    }
}
