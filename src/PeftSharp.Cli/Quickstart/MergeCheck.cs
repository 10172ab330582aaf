using PeftSharp.Cli.Models;
using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Metrics;
using PeftSharp.Runs;
using PeftSharp.Sites;

namespace PeftSharp.Cli.Quickstart;

/// <summary>What merging changed.</summary>
/// <param name="LargestDifference">Of any logit, before and after.</param>
/// <param name="EqualAnswers">Rows that are answered alike.</param>
/// <param name="Rows">All rows.</param>
internal sealed record MergeCheck(double LargestDifference, int EqualAnswers, int Rows)
{
    /// <summary>
    /// Reads the adapter back from its folder over a dense float32 copy of the base (merging into four bits would round again), and
    /// compares the answers before and after merging.
    /// </summary>
    /// <param name="adapter">The adapter's folder.</param>
    /// <param name="data">The rows to answer.</param>
    /// <param name="cancellation">Stops the work.</param>
    public static MergeCheck Run(string adapter, TokenizedDataset data, CancellationToken cancellation)
    {
        var loaded = ModelOpener.Open(QuickstartFiles.Model, adapter, new LoadOptions { Dense = true });
        var beside = new Evaluator(loaded.Model, AdapterSelection.Of(loaded.Adapter!.Tag), data).Outputs(cancellation);
        loaded.Model.Merge(loaded.Adapter.Name);
        var merged = new Evaluator(loaded.Model, AdapterSelection.None, data).Outputs(cancellation);
        var largest = 0.0;
        for (var i = 0; i < merged.Values.Length; i++) largest = Math.Max(largest, Math.Abs((double)merged.Values[i] - beside.Values[i]));
        var (before, after) = (MetricSet.Predictions(beside.Values, beside.Width), MetricSet.Predictions(merged.Values, merged.Width));
        return new(largest, before.Zip(after).Count(p => p.First == p.Second), data.Count);
    }
}
