using System.Text.Json.Nodes;
using PeftSharp.Files.Json;
using PeftSharp.Runs.Estimates;
using PeftSharp.Runs.Training;

namespace PeftSharp.Runs;

/// <summary>A dry run's findings as JSON.</summary>
internal static class DryRunDocument
{
    public static JsonObject Of(DryRun run)
    {
        var (estimate, plan) = (run.Estimate, run.Estimate.Forecast);
        return new()
        {
            ["dry_run"] = true,
            ["parameters"] = Parameters(run),
            ["data"] = new JsonObject
            {
                ["train"] = RunDocument.Data(run.Train),
                ["eval"] = run.Held is { } held ? RunDocument.Data(held) : null,
            },
            ["plan"] = new JsonObject
            {
                ["total_steps"] = plan.Steps,
                ["steps_per_epoch"] = plan.StepsPerEpoch,
                ["batches"] = plan.Batches,
                ["passes"] = plan.Passes,
                ["rows"] = plan.Rows,
                ["tokens"] = plan.Tokens,
                ["padded_tokens"] = plan.PaddedTokens,
                ["padding_share"] = plan.PaddingShare,
                ["evaluations"] = plan.Evaluations,
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
            ["output"] = run.Folder is not { } folder ? null : new JsonObject
            {
                ["folder"] = folder.Target,
                ["replaces"] = folder.Replaces,
                ["bytes"] = run.Bytes,
                ["free_bytes"] = folder.FreeSpace,
                ["working_folder"] = run.SavedStates == 0
                    ? null
                    : new JsonObject
                    {
                        ["folder"] = folder.Work,
                        ["saved_states"] = run.SavedStates,
                        ["bytes_each"] = estimate.Memory.State,
                    },
                ["files"] = new JsonArray(
                    [.. run.Files.Select(f => (JsonNode)new JsonObject { ["name"] = f.Name, ["bytes"] = f.Bytes, ["exact"] = f.Exact })]),
            },
            ["warnings"] = JsonText.Texts(run.Warnings),
        };
    }

    private static JsonObject Parameters(DryRun run)
    {
        var json = run.Parameters.Json;
        var components = run.Components.Select(
            c => (JsonNode)new JsonObject { ["name"] = c.Name, ["tensors"] = c.Tensors, ["weights"] = c.Weights });
        json["components"] = new JsonArray([.. components]);
        return json;
    }

    private static JsonObject? Range(TimeRange? time) =>
        time is not { } range ? null : new() { ["low"] = range.Low, ["expected"] = range.Expected, ["high"] = range.High };
}
