using System.Globalization;
using System.Text.Json.Nodes;
using PeftSharp.Cli.Models;
using PeftSharp.Cli.Terminal;
using PeftSharp.Cli.Training.Resume;
using PeftSharp.Runs;
using PeftSharp.Runs.Estimates;
using PeftSharp.Training.Resume;

namespace PeftSharp.Cli.Training;

/// <summary>A dry run's findings, as text and as JSON.</summary>
internal sealed class DryRunReport(TrainSettings settings, TrainInputs inputs, OutputFolder folder, RunEstimate estimate, IReadOnlyList<ExpectedFile> files)
{
    private readonly RunForecast _plan = estimate.Forecast;
    private readonly ParameterLine _parameters = ParameterLine.Of(inputs.Model, inputs.Adapter);
    private readonly IReadOnlyList<Component> _components = Component.Of(inputs.Adapter);

    /// <summary>What would go wrong, a sentence each.</summary>
    public IReadOnlyList<string> Warnings
    {
        get
        {
            var warnings = new List<string>();
            if (estimate.ExceedsMemory) warnings.Add(Advice.OnMemory(settings, inputs.IsFull, estimate.Memory.Peak, estimate.Machine));
            var most = Bytes + States * estimate.Memory.State;
            if (folder.FreeSpace is { } free && free < most)
                warnings.Add($"The run would write up to {Format.Bytes(most)} at {folder.Target}, but its disk has {Format.Bytes(free)} free; free space there, or choose another folder with --out.");
            return warnings;
        }
    }

    public JsonObject Json => new()
    {
        ["dry_run"] = true,
        ["parameters"] = Parameters(),
        ["data"] = new JsonObject { ["train"] = RunDocument.Data(inputs.Train), ["eval"] = inputs.Held is { } held ? RunDocument.Data(held) : null },
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
            ["loaded_bytes"] = estimate.Memory.Loaded,
            ["optimizer_and_gradient_bytes"] = estimate.Memory.State,
            ["activation_bytes"] = estimate.Memory.Activations,
            ["growth_bytes"] = estimate.Memory.Growth,
            ["peak_bytes"] = estimate.Memory.Peak,
            ["available_bytes"] = estimate.Machine.Bytes,
            ["control_group_limit_bytes"] = estimate.Machine.Limit,
            ["fits"] = !estimate.ExceedsMemory,
            ["largest_batch_was_run"] = estimate.Probe.Refused is null,
            ["peak_bytes_after_steps"] = new JsonArray([.. estimate.Probe.Peaks.Select(p => (JsonNode)p)]),
        },
        ["seconds"] = new JsonObject
        {
            ["training"] = Range(estimate.Time.Training),
            ["evaluation"] = Range(estimate.Time.Evaluation),
            ["loading_and_writing"] = estimate.Time.Rest,
            ["total"] = Range(estimate.Time.Total),
            ["timed_batches"] = estimate.Probe.Training.Count,
        },
        ["output"] = new JsonObject
        {
            ["folder"] = folder.Target,
            ["replaces"] = folder.Replaces,
            ["bytes"] = Bytes,
            ["free_bytes"] = folder.FreeSpace,
            ["working_folder"] = States == 0 ? null : new JsonObject { ["folder"] = RunFolder.Of(settings.Out!), ["saved_states"] = States, ["bytes_each"] = estimate.Memory.State },
            ["files"] = new JsonArray([.. files.Select(f => (JsonNode)new JsonObject { ["name"] = f.Name, ["bytes"] = f.Bytes, ["exact"] = f.Exact })]),
        },
        ["warnings"] = JsonOut.Texts(Warnings),
    };

    // What a run saves to go on from holds weights and optimizer, as many bytes as gradients and optimizer take in memory.
    private int States => settings.ForCheckpoints() is { Moment: not SaveMoment.Never } saved ? saved.Limit : 0;

    private long Bytes => files.Sum(f => f.Bytes);

    /// <summary>Writes it to standard output.</summary>
    public void Write()
    {
        foreach (var line in _parameters.Lines) Screen.Say(line);
        var grid = new Grid("trained", ">tensors", ">weights", ">share");
        foreach (var (name, tensors, weights) in _components) grid.Row(name, Format.Count(tensors), Format.Count(weights), string.Create(CultureInfo.InvariantCulture, $"{100.0 * weights / _parameters.Trainable:0.0} %"));
        Section(grid);
        Section(Data());
        Screen.Say(string.Create(CultureInfo.InvariantCulture,
            $"{_plan.Steps:N0} steps ({_plan.StepsPerEpoch:N0} an epoch), {_plan.Batches:N0} batches in {_plan.Passes:N0} passes; {_plan.Tokens:N0} tokens and {100 * _plan.PaddingShare:0.0} % padding; scored {_plan.Evaluations:N0} {(_plan.Evaluations == 1 ? "time" : "times")}"));
        Section(Memory());
        Section(Time());
        Section(Files());
        if (States > 0) Screen.Say($"while it lasts, {RunFolder.Of(settings.Out!)} holds up to {States} saved states of about {Format.Bytes(estimate.Memory.State)} each");
        Screen.Say($"{folder.Target} {(folder.Replaces ? "holds an earlier run, which would be replaced" : "is free")}; nothing was written.");
    }

    private Grid Data()
    {
        var grid = new Grid("rows to", ">rows", ">tokens", ">cut", "of");
        foreach (var (what, data) in new[] { ("train on", inputs.Train), ("score on", inputs.Held) })
            if (data is not null) grid.Row(what, Format.Count(data.Count), Format.Count(data.Tokens), Format.Count(data.TruncatedRows), data.Data.Source);
        return grid;
    }

    private Grid Memory()
    {
        var grid = new Grid("memory", ">expected");
        grid.Row("program, weights and rows", Format.Bytes(estimate.Memory.Loaded));
        grid.Row("gradients and optimizer", Format.Bytes(estimate.Memory.State));
        grid.Row($"activations{(estimate.Probe.Refused is null ? "" : ", extrapolated from a small batch")}", Format.Bytes(estimate.Memory.Activations));
        grid.Row("growth of the heap later", Format.Bytes(estimate.Memory.Growth));
        grid.Row("most at once", Format.Bytes(estimate.Memory.Peak));
        grid.Row("available", Format.Bytes(estimate.Machine.Bytes));
        return grid;
    }

    private Grid Time()
    {
        var grid = new Grid("time", ">expected", ">from", ">to");
        foreach (var (what, time) in new[] { ("training", estimate.Time.Training), ("scoring", estimate.Time.Evaluation), ("all, with loading and writing", (TimeRange?)estimate.Time.Total) })
            if (time is { } range) grid.Row(what, Clock(range.Expected), Clock(range.Low), Clock(range.High));
        return grid;
    }

    private Grid Files()
    {
        var grid = new Grid("file", ">bytes", "");
        foreach (var file in files) grid.Row(file.Name, Format.Count(file.Bytes), file.Exact ? "" : "about");
        return grid;
    }

    private JsonObject Parameters()
    {
        var json = _parameters.Json;
        json["components"] = new JsonArray([.. _components.Select(c => (JsonNode)new JsonObject { ["name"] = c.Name, ["tensors"] = c.Tensors, ["weights"] = c.Weights })]);
        return json;
    }

    private static void Section(Grid grid)
    {
        Console.Out.WriteLine();
        grid.Write();
    }

    private static string Clock(double seconds) => Format.Time(TimeSpan.FromSeconds(Math.Min(seconds, TimeSpan.MaxValue.TotalSeconds / 2)));

    private static JsonObject? Range(TimeRange? time) => time is not { } range ? null : new() { ["low"] = range.Low, ["expected"] = range.Expected, ["high"] = range.High };
}
