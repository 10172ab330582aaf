using System.Text.Json.Nodes;
using PeftSharp.Runs.Autotuning;
using PeftSharp.Runs.Comparing;

namespace PeftSharp.Runs;

/// <summary>A search for configurations of adapters: the best score for every number of weights, and a recipe for each.</summary>
public sealed class Autotune
{
    private readonly AutotuneReport _report;

    internal Autotune(AutotuneReport report, string folder, bool interrupted) =>
        (_report, Folder, Interrupted) = (report, folder, interrupted);

    /// <summary>
    /// Where everything is: <c>autotune.json</c>, <c>trials.csv</c>, <c>best.yaml</c>, <c>front/</c>, and the runs in <c>cells/</c>.
    /// </summary>
    public string Folder { get; }

    /// <summary>True if it was cancelled before its end; run with the same plan and folder again, it goes on.</summary>
    public bool Interrupted { get; }

    /// <summary>What was tried, in the order of the trials.</summary>
    public IReadOnlyList<TunedTrial> Trials => _report.Trials;

    /// <summary>Why trials failed, one sentence each.</summary>
    public IReadOnlyList<string> Failures => _report.Failures;

    /// <summary>
    /// The trials that no other beats in score and weights, by ascending weights; of those that were tried longest. Empty where none ended.
    /// </summary>
    public IReadOnlyList<TunedTrial> Front => _report.Front;

    /// <summary>The trial of the front with the best score; null where none ended.</summary>
    public TunedTrial? Best => Front.MaxBy(t => t.Gain);

    /// <summary>The recipe of the best trial, which a run can start from; null where none ended.</summary>
    public string? RecipeFile => Best is null ? null : Path.Combine(Folder, AutotuneReport.Best);

    /// <summary>Says that no configuration was tried whole, so that the result is a guess; null where one was.</summary>
    public string? Shortfall => Interrupted ? null : _report.Shortfall;

    /// <summary>What autotune.json holds.</summary>
    public JsonObject Report => _report.Json();

    /// <summary>
    /// Searches, one run after another in this process. What was tried earlier in the folder is read, not run again, so that a search that
    /// was cut off goes on.
    /// </summary>
    /// <param name="plan">What is searched.</param>
    /// <param name="folder">Where everything goes: a new folder, or that of an earlier search.</param>
    /// <param name="observer">Watches it. Default: nobody.</param>
    /// <param name="cancellation">Stops the present run after its step; what has finished is kept.</param>
    /// <exception cref="PeftException">The plan or the folder is refused before any run, or no trial succeeded.</exception>
    public static Autotune Run(AutotunePlan plan, string folder, RunObserver? observer = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentException.ThrowIfNullOrEmpty(folder);
        observer ??= RunObserver.None;
        return Run(plan, folder, new InProcessCells(observer, cancellation), observer, Caller.Program, cancellation);
    }

    /// <summary>The same, each run in the way of one's own: a process apart, say.</summary>
    /// <param name="plan">What is searched.</param>
    /// <param name="folder">As above.</param>
    /// <param name="runner">Runs them.</param>
    /// <param name="observer">Watches the search.</param>
    /// <param name="caller">Who asks, for messages.</param>
    /// <param name="cancellation">Stops the search after the present run.</param>
    /// <exception cref="PeftException">As above.</exception>
    public static Autotune Run(
        AutotunePlan plan, string folder, ICellRunner runner, RunObserver observer, Caller caller, CancellationToken cancellation)
    {
        plan.Validate();
        using var owner = ComparisonFolder.Take(folder, caller.Output, plan.Paths.Append(plan.Source));
        return new AutotuneRun(plan, owner.FullPath, runner, observer, caller).Run(cancellation);
    }
}
