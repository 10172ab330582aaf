using PeftSharp.Cli.Terminal;
using PeftSharp.Runs;
using PeftSharp.Runs.Estimates;

namespace PeftSharp.Cli.Training;

/// <summary>Tells what a run would count, need and write, after some of its steps in a process that then ends.</summary>
/// <param name="settings">What the run is told.</param>
/// <param name="inputs">What it works on, loaded.</param>
/// <param name="folder">Where it would write; nothing is written.</param>
/// <param name="remarks">Where remarks go.</param>
/// <param name="json">True writes JSON to standard output.</param>
internal sealed class DryRun(TrainSettings settings, TrainInputs inputs, OutputFolder folder, Remarks remarks, bool json)
{
    private const int StepsALine = 10;

    /// <summary>Runs it.</summary>
    /// <param name="loading">Time that loading took.</param>
    /// <param name="cancellation">Stops it.</param>
    public int Run(TimeSpan loading, CancellationToken cancellation)
    {
        if (settings.CacheTrunk)
        {
            FrozenTrunk.Plan(inputs, settings, remarks);
            remarks.Write("Time and memory below are those of the run without its cached trunk.");
        }
        var evaluator = inputs.Evaluator();
        var options = settings.ForTrainer(inputs.IsFull, evaluator is not null);
        IReadOnlyList<ExpectedFile> files = [];
        var estimate = RunEstimate.Create(
            inputs.Trained(settings), inputs.Train, inputs.Batches(settings), options, inputs.Model.Model.Width, evaluator, loading,
            (forecast, probe) => files = ExpectedFile.All(settings, inputs, forecast, probe), Progress, settings.ForCheckpoints().Moment, cancellation);
        var report = new DryRunReport(settings, inputs, folder, estimate, files);
        if (json) JsonOut.Write(report.Json);
        else report.Write();
        foreach (var warning in report.Warnings) Console.Error.WriteLine($"warning: {warning}");
        return ExitCode.Success;
    }

    private void Progress(int done, int most)
    {
        if (done % StepsALine == 1 || done == most) remarks.Write($"probe: step {done} of at most {most}");
    }
}
