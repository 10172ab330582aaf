using System.Globalization;
using System.Text.Json.Nodes;
using PeftSharp.Interop;
using PeftSharp.Runs.Comparing;

namespace PeftSharp.Runs;

/// <summary>Methods on datasets with seeds, run and compared: scores, sizes, memory and time.</summary>
public sealed class Comparison
{
    private readonly CompareReport _report;

    private Comparison(CompareReport report, string folder, bool interrupted) =>
        (_report, Folder, Interrupted) = (report, folder, interrupted);

    /// <summary>
    /// Where runs and tables are: <c>compare.json</c>, <c>summary.csv</c>, <c>cells.csv</c>, <c>cells/</c>, <c>recipes/</c>.
    /// </summary>
    public string Folder { get; }

    /// <summary>True if it was cancelled before its end; run with the same plan and folder again, it goes on.</summary>
    public bool Interrupted { get; }

    /// <summary>A method on a dataset each, best first within a dataset; methods of which nothing finished are left out.</summary>
    public IReadOnlyList<MethodSummary> Summaries => _report.Summaries;

    /// <summary>Runs that failed; the report says why.</summary>
    public int Failures => _report.Failures;

    /// <summary>Runs that did not fit the budget of time.</summary>
    public int LeftOut => _report.LeftOut;

    /// <summary>Runs that were planned and of which nothing is known yet.</summary>
    public int Open => _report.Open.Count();

    /// <summary>What compare.json holds.</summary>
    public JsonObject Report => _report.Json();

    /// <summary>
    /// Runs what of a plan has not run yet, one run after another in this process, and keeps the tables up to date after each.
    /// </summary>
    /// <param name="plan">What is compared.</param>
    /// <param name="folder">Where runs and tables go: a new folder, or that of an earlier comparison, whose finished runs are not run
    /// again.</param>
    /// <param name="observer">Watches it. Default: nobody.</param>
    /// <param name="cancellation">Stops the present run after its step; what has finished is kept.</param>
    /// <exception cref="PeftException">The plan or the folder is refused before any run; a run that fails is told in the
    /// report.</exception>
    public static Comparison Run(ComparisonPlan plan, string folder, RunObserver? observer = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentException.ThrowIfNullOrEmpty(folder);
        observer ??= RunObserver.None;
        return Run(plan, folder, new InProcessCells(observer, cancellation), observer, Caller.Program);
    }

    /// <summary>The same, each run in the way of one's own: a process apart, say.</summary>
    /// <param name="plan">What is compared.</param>
    /// <param name="folder">As above.</param>
    /// <param name="runner">Runs them.</param>
    /// <param name="observer">Hears remarks.</param>
    /// <param name="caller">Who asks, for messages.</param>
    /// <exception cref="PeftException">As above.</exception>
    public static Comparison Run(ComparisonPlan plan, string folder, ICellRunner runner, RunObserver observer, Caller caller)
    {
        plan.Validate();
        using var owner = ComparisonFolder.Take(folder, caller.Output, plan.Paths.Append(plan.Source));
        var comparison = new ComparisonRun(plan, owner.FullPath, runner, observer, caller);
        comparison.Check();
        if (MachineLoad.Now is { IsHigh: true } load)
            observer.Remark(
                $"This machine is busy (load {load.Average.ToString("0.0", CultureInfo.InvariantCulture)} on {Environment.ProcessorCount} "
                + "processors): scores are not touched, but times and speeds are those of a shared machine.");
        try
        {
            comparison.Run();
            return new(comparison.Report, owner.FullPath, interrupted: false);
        }
        catch (OperationCanceledException)
        {
            comparison.Report.Write();
            return new(comparison.Report, owner.FullPath, interrupted: true);
        }
    }
}
