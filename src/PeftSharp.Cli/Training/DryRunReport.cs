using System.Globalization;
using System.Text.Json.Nodes;
using PeftSharp.Cli.Terminal;
using PeftSharp.Files.Json;
using PeftSharp.Runs;
using PeftSharp.Runs.Estimates;
using PeftSharp.Runs.Results;
using PeftSharp.Runs.Training;

namespace PeftSharp.Cli.Training;

/// <summary>A dry run's findings, as text and as JSON.</summary>
internal sealed class DryRunReport(DryRun run)
{
    private readonly TrainInputs _inputs = run.Inputs;
    private readonly OutputFolder _folder = run.Folder!;
    private readonly RunEstimate _estimate = run.Estimate;
    private readonly RunForecast _plan = run.Estimate.Forecast;
    private readonly ParameterCount _parameters = run.Inputs.Parameters;
    private readonly IReadOnlyList<Component> _components = Component.Of(run.Inputs.Adapter);

    public JsonObject Json => new()
    {
        ["dry_run"] = true,
        ["parameters"] = Parameters(),
        ["data"] = new JsonObject
        {
            ["train"] = RunDocument.Data(_inputs.Train),
            ["eval"] = _inputs.Held is { } held ? RunDocument.Data(held) : null,
        },
        ["plan"] = new JsonObject
        {
            ["total_steps"] = _plan.Steps,
            ["steps_per_epoch"] = _plan.StepsPerEpoch,
            ["batches"] = _plan.Batches,
            ["passes"] = _plan.Passes,
            ["rows"] = _plan.Rows,
            ["tokens"] = _plan.Tokens,
            ["padded_tokens"] = _plan.PaddedTokens,
            ["padding_share"] = _plan.PaddingShare,
            ["evaluations"] = _plan.Evaluations,
        },
        ["memory"] = new JsonObject
        {
            ["loaded_bytes"] = _estimate.Memory.Loaded,
            ["optimizer_and_gradient_bytes"] = _estimate.Memory.State,
            ["activation_bytes"] = _estimate.Memory.Activations,
            ["growth_bytes"] = _estimate.Memory.Growth,
            ["peak_bytes"] = _estimate.Memory.Peak,
            ["available_bytes"] = _estimate.Machine.Bytes,
            ["control_group_limit_bytes"] = _estimate.Machine.Limit,
            ["fits"] = !_estimate.ExceedsMemory,
            ["largest_batch_was_run"] = _estimate.Probe.Refused is null,
            ["peak_bytes_after_steps"] = new JsonArray([.. _estimate.Probe.Peaks.Select(p => (JsonNode)p)]),
        },
        ["seconds"] = new JsonObject
        {
            ["training"] = Range(_estimate.Time.Training),
            ["evaluation"] = Range(_estimate.Time.Evaluation),
            ["loading_and_writing"] = _estimate.Time.Rest,
            ["total"] = Range(_estimate.Time.Total),
            ["timed_batches"] = _estimate.Probe.Training.Count,
        },
        ["output"] = new JsonObject
        {
            ["folder"] = _folder.Target,
            ["replaces"] = _folder.Replaces,
            ["bytes"] = run.Bytes,
            ["free_bytes"] = _folder.FreeSpace,
            ["working_folder"] = run.SavedStates == 0
                ? null
                : new JsonObject { ["folder"] = _folder.Work, ["saved_states"] = run.SavedStates, ["bytes_each"] = _estimate.Memory.State },
            ["files"] = new JsonArray(
                [.. run.Files.Select(f => (JsonNode)new JsonObject { ["name"] = f.Name, ["bytes"] = f.Bytes, ["exact"] = f.Exact })]),
        },
        ["warnings"] = JsonText.Texts(run.Warnings),
    };

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
        foreach (var (what, data) in new[] { ("train on", _inputs.Train), ("score on", _inputs.Held) })
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

    private JsonObject Parameters()
    {
        var json = _parameters.Json;
        json["components"] = new JsonArray(
            [.. _components.Select(c => (JsonNode)new JsonObject { ["name"] = c.Name, ["tensors"] = c.Tensors, ["weights"] = c.Weights })]);
        return json;
    }

    private static void Section(Grid grid)
    {
        Console.Out.WriteLine();
        grid.Write();
    }

    private static string Clock(double seconds) =>
        Figures.Time(TimeSpan.FromSeconds(Math.Min(seconds, TimeSpan.MaxValue.TotalSeconds / 2)));

    private static JsonObject? Range(TimeRange? time) =>
        time is not { } range ? null : new() { ["low"] = range.Low, ["expected"] = range.Expected, ["high"] = range.High };
}
