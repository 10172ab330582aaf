using System.Diagnostics;
using PeftSharp.Data;
using PeftSharp.Data.Storage;
using PeftSharp.Models;
using PeftSharp.Sites;
using TorchSharp;
using static TorchSharp.torch;

namespace PeftSharp.Runs.Trunk;

/// <summary>What the trunk of a model makes of rows, computed once and kept in one mapped file that vanishes with the program.</summary>
/// <remarks>
/// A batch composed as when the cache was built goes on with the same bits that the trunk would compute again; composed otherwise, it
/// agrees to rounding (matrix products depend on the shape of the batch). The base's own dropout is off in the trunk.
/// </remarks>
public sealed class TrunkCache : IDisposable
{
    private readonly NumberStore<byte> _store;
    private readonly Dictionary<TokenizedDataset, CachedRows> _rows = [];
    private readonly string? _merged;
    private bool _disposed;

    private TrunkCache(TrunkPlan plan)
    {
        plan.CheckRoom();
        (Plan, _store, _merged) = (plan, plan.CreateStore(), plan.Model.Merged);
    }

    /// <summary>What the cache holds.</summary>
    internal TrunkPlan Plan { get; }

    /// <summary>Wall-clock seconds that building took.</summary>
    internal double Seconds { get; private set; }

    /// <summary>The batches of a dataset, with their trunk.</summary>
    /// <exception cref="KeyNotFoundException">The plan did not name the dataset.</exception>
    public IRowBatches this[TokenizedDataset data] => _rows[data];

    /// <summary>Runs the trunk on every row of the plan's data.</summary>
    /// <param name="plan">What to keep.</param>
    /// <param name="batches">How rows are put into batches, for each dataset where it matters; default: as an <see cref="Evaluator"/>
    /// does.</param>
    /// <param name="progress">Called with the rows done so far.</param>
    /// <param name="cancellation">Stops the work.</param>
    /// <exception cref="PeftException">The disk has no room, or the model does not run in parts, or has no vector for a token
    /// id.</exception>
    public static TrunkCache Build(
        TrunkPlan plan, IReadOnlyDictionary<TokenizedDataset, TrunkBatches>? batches = null, Action<int>? progress = null,
        CancellationToken cancellation = default)
    {
        var watch = Stopwatch.StartNew();
        var cache = new TrunkCache(plan);
        try
        {
            var done = 0;
            foreach (var data in plan.Data)
            {
                var rows = cache._rows[data] = new CachedRows(cache, data);
                var evaluator = new Evaluator(plan.Model, plan.Selection, data);
                evaluator.CheckIds();
                var order = batches?.GetValueOrDefault(data) ?? new TrunkBatches(evaluator.Batches);
                foreach (var batch in order.Rows)
                {
                    cancellation.ThrowIfCancellationRequested();
                    rows.Add(batch, order.TokensPerPass);
                    progress?.Invoke(done += batch.Length);
                }
            }
            cache._store.Finish();
            cache.Seconds = watch.Elapsed.TotalSeconds;
            return cache;
        }
        catch
        {
            cache.Dispose();
            throw;
        }
    }

    /// <summary>Lets go of the file; batches that were made stay.</summary>
    public void Dispose()
    {
        if (!_disposed) _store.Dispose();
        _disposed = true;
    }

    private sealed class CachedRows(TrunkCache cache, TokenizedDataset data) : IRowBatches
    {
        private readonly long[] _starts = Enumerable.Repeat(-1L, data.Count).ToArray();

        public int Count => data.Count;

        public void Add(int[] rows, int tokensPerPass)
        {
            using var guard = no_grad();
            using var scope = NewDisposeScope();
            var plan = cache.Plan;
            using var batch = data.CreateBatch(rows, plan.LeastTokens(data));
            foreach (var part in batch.Split(tokensPerPass))
            {
                var context = new ForwardContext { Selection = plan.Selection };
                var hidden = plan.Model.Model.ForwardTo(plan.Depth, part, context).cpu().contiguous();
                var each = hidden.numel() * hidden.element_size() / hidden.shape[0];
                for (var i = 0; i < part.Rows; i++)
                {
                    _starts[part.Source[i]] = cache._store.Count;
                    cache._store.Append(hidden.bytes.Slice((int)(i * each), (int)plan.RowBytes(data, part.Source[i])));
                }
            }
        }

        public TokenBatch CreateBatch(ReadOnlySpan<int> indices)
        {
            ObjectDisposedException.ThrowIf(cache._disposed, cache);
            var plan = cache.Plan;
            foreach (var row in indices)
                if (_starts[row] < 0)
                    throw new ArgumentException($"Row {row} was in none of the batches for which the trunk was computed.", nameof(indices));
            if (plan.Model.Merged != cache._merged)
                throw new PeftException("An adapter was merged or unmerged since the trunk was cached; build the cache again.");
            using var scope = NewDisposeScope();
            var batch = data.CreateBatch(indices);
            var width = plan.VectorsOf(batch.Tokens);
            var hidden = zeros([batch.Rows, width, plan.Model.Model.Width], dtype: plan.Type);
            var bytes = hidden.bytes;
            var each = bytes.Length / batch.Rows;
            for (var i = 0; i < batch.Rows; i++)
            {
                var length = (int)Math.Min(each, plan.RowBytes(data, indices[i]));
                cache._store.Slice(_starts[indices[i]], length).CopyTo(bytes.Slice(i * each, length));
            }
            batch.Trunk = new SelectedTrunk(hidden.DetachFromDisposeScope(), plan.Depth, plan.Selection);
            return batch;
        }
    }
}
