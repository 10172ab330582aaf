using System.Globalization;
using PeftSharp.Cli.Terminal;
using PeftSharp.Runs;
using PeftSharp.Runs.Estimates;
using PeftSharp.Runs.Results;

namespace PeftSharp.Cli.Training;

/// <summary>A dry run's findings, as text.</summary>
internal sealed class DryRunReport(DryRun run)
{
    private readonly OutputFolder _folder = run.Folder!;
    private readonly RunEstimate _estimate = run.Estimate;
    private readonly RunForecast _plan = run.Estimate.Forecast;
    private readonly ParameterCount _parameters = run.Parameters;
    private readonly IReadOnlyList<Component> _components = run.Components;

    /// <summary>Writes it to standard output.</summary>
    public void Write()
    {
        foreach (var line in _parameters.Lines) Screen.Say(line);
        var grid = new Grid("trained", ">tensors", ">weights", ">share");
        foreach (var (name, tensors, weights) in _components)
            grid.Row(
                name, Figures.Count(tensors), Figures.Count(weights),
                string.Create(CultureInfo.InvariantCulture, $"{100.0 * weights / _parameters.Trainable:0.0} %"));
        Section(grid);
        Section(Data());
        Screen.Say(string.Create(CultureInfo.InvariantCulture,
            $"{_plan.Steps:N0} steps ({_plan.StepsPerEpoch:N0} an epoch), {_plan.Batches:N0} batches in {_plan.Passes:N0} passes; "
            + $"{_plan.Tokens:N0} tokens and {100 * _plan.PaddingShare:0.0} % padding; scored {_plan.Evaluations:N0} "
            + $"{(_plan.Evaluations == 1 ? "time" : "times")}"));
        Section(Memory());
        Section(Time());
        Section(Files());
        if (run.SavedStates > 0)
            Screen.Say(
                $"while it lasts, {_folder.Work} holds up to {run.SavedStates} saved states of about "
                + $"{Figures.Bytes(_estimate.Memory.State)} each");
        Screen.Say(
            $"{_folder.Target} {(_folder.Replaces ? "holds an earlier run, which would be replaced" : "is free")}; nothing was written.");
    }

    private Grid Data()
    {
        var grid = new Grid("rows to", ">rows", ">tokens", ">cut", "of");
        foreach (var (what, data) in new[] { ("train on", run.Train), ("score on", run.Held) })
            if (data is not null)
                grid.Row(what, Figures.Count(data.Count), Figures.Count(data.Tokens), Figures.Count(data.TruncatedRows), data.Data.Source);
        return grid;
    }

    private Grid Memory()
    {
        var grid = new Grid("memory", ">expected");
        grid.Row("program, weights and rows", Figures.Bytes(_estimate.Memory.Loaded));
        grid.Row("gradients and optimizer", Figures.Bytes(_estimate.Memory.State));
        grid.Row(
            $"activations{(_estimate.Probe.Refused is null ? "" : ", extrapolated from a small batch")}",
            Figures.Bytes(_estimate.Memory.Activations));
        grid.Row("growth of the heap later", Figures.Bytes(_estimate.Memory.Growth));
        grid.Row("most at once", Figures.Bytes(_estimate.Memory.Peak));
        grid.Row("available", Figures.Bytes(_estimate.Machine.Bytes));
        return grid;
    }

    private Grid Time()
    {
        var grid = new Grid("time", ">expected", ">from", ">to");
        foreach (
            var (what, time) in new[]
            {
                ("training", _estimate.Time.Training),
                ("scoring", _estimate.Time.Evaluation),
                ("all, with loading and writing", (TimeRange?)_estimate.Time.Total),
            })
            if (time is { } range) grid.Row(what, Clock(range.Expected), Clock(range.Low), Clock(range.High));
        return grid;
    }

    private Grid Files()
    {
        var grid = new Grid("file", ">bytes", "");
        foreach (var file in run.Files) grid.Row(file.Name, Figures.Count(file.Bytes), file.Exact ? "" : "about");
        return grid;
    }

    private static void Section(Grid grid)
    {
        Console.Out.WriteLine();
        grid.Write();
    }

    private static string Clock(double seconds) =>
        Figures.Time(TimeSpan.FromSeconds(Math.Min(seconds, TimeSpan.MaxValue.TotalSeconds / 2)));
}
