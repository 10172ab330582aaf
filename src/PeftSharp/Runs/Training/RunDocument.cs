using System.Text.Json.Nodes;
using PeftSharp.Data;
using PeftSharp.Files.Json;
using PeftSharp.Runs.Estimates;
using PeftSharp.Runs.Recipes;
using PeftSharp.Runs.Trunk;
using PeftSharp.Training;

namespace PeftSharp.Runs.Training;

/// <summary>run.json: what was run, on what, and what came of it.</summary>
internal static class RunDocument
{
    public static JsonObject Create(
        TrainSettings s, RunInputs inputs, TrainingResult result, EvaluationResult? final, TrainingCurves curves, double seconds,
        TrunkCache? trunk = null, string? learning = null)
    {
        var told = inputs.Told(final);
        var json = new JsonObject
        {
            ["program"] = s.Caller.Name,
            ["interrupted"] = result.Stopped,
            ["stopped_early"] = result.EarlyStopped,
            ["problem"] = told["problem"],
            ["task"] = told["task"],
            ["labels"] = told["labels"],
            ["columns"] = told["columns"],
            ["settings"] = Settings(s, inputs),
            ["compute"] = new JsonObject
            {
                ["type"] = inputs.Compute.Name,
                ["reason"] = inputs.Compute.Reason,
                ["processor"] = inputs.Compute.Processor,
                ["processors"] = Environment.ProcessorCount,
            },
            ["parameters"] = inputs.Parameters.Json,
            ["parameter_groups"] = Groups(inputs.Adapter),
            ["data"] = told["data"],
            ["trunk"] = trunk is null ? null : FrozenTrunk.Json(trunk),
            ["steps"] = result.Steps,
            ["total_steps"] = curves.TotalSteps,
            ["train_loss"] = curves.Losses.Count == 0 ? null : JsonText.Number(curves.LastLoss),
            ["samples_per_second"] = curves.Last is { } last ? JsonText.Number(last.SamplesPerSecond) : null,
            ["primary"] = final?.Primary,
            ["primary_higher_is_better"] = final?.HigherIsBetter,
            ["evaluation"] = final is null
            ? null
            : new JsonObject
            {
                ["rows"] = final.Examples,
                ["seconds"] = final.Seconds,
                ["samples_per_second"] = JsonText.Number(final.Examples / final.Seconds),
            },
            ["metrics"] = final is null ? null : JsonText.Numbers(final.Values),
            ["remarks"] = JsonText.Texts(learning is null ? inputs.Remarks : inputs.Remarks.Append(learning)),
            ["best_step"] = result.BestStep == 0 ? null : result.BestStep,
            ["train_seconds"] = result.Seconds,
            ["step_seconds"] = result.TrainingSeconds,
            ["seconds"] = seconds,
            ["peak_memory_bytes"] = ProcessMemory.Peak,
        };
        if (told.TryGetValue("tasks", out var tasks)) json["tasks"] = tasks;
        return json;
    }

    public static string Problem(LabelKind kind) => kind switch
    {
        LabelKind.Regression => "regression",
        LabelKind.Tokens => "generation",
        LabelKind.MultiLabel => Values.SeveralLabels,
        _ => "classification",
    };

    private static JsonArray Groups(PeftSharp.Methods.PeftMethod adapter) =>
    [
        .. adapter.Tensors.GroupBy(t => (t.Group, t.Decay, t.RateFactor)).Select(group => new JsonObject
        {
            ["name"] = group.Key.Group,
            ["weight_decay"] = group.Key.Decay,
            ["rate_factor"] = group.Key.RateFactor,
            ["tensors"] = group.Count(),
            ["weights"] = group.Sum(t => t.Value.numel()),
        }),
    ];

    public static JsonObject Columns(TextDataset rows)
    {
        string? Named(string role) => rows.Columns.FirstOrDefault(column => column.Role == role)?.Name;
        return new() { ["text"] = Named("text"), ["pair"] = Named("pair"), ["label"] = Named("label") };
    }

    private static JsonObject Settings(TrainSettings s, RunInputs inputs)
    {
        // As it turned out, where nothing was asked for.
        var found = new Dictionary<string, JsonNode?>
        {
            ["model_revision"] = s.Revision ?? inputs.Base.Revision,
            ["max_length"] = inputs.MaxLength,
            ["learning_rate"] = s.Rate(inputs.IsFull),
            ["pooling"] = inputs.Model.Model.Card.Pooling.ToString().ToLowerInvariant(),
            ["format"] = inputs.Format == PeftSharp.Methods.AdapterFormat.Peft ? "peft" : "adapterhub",
        };
        var json = new JsonObject();
        foreach (var key in TrainKeys.All)
            if (key.Told is { } name) json[name] = found.TryGetValue(name, out var value) ? value : key.Get(s);
        json["model_commit"] = inputs.Base.Commit;
        json["method_settings"] = new JsonObject(
            MethodSettings.Of(inputs.Options, s.Method).Select(m => KeyValuePair.Create(m.Name, MethodSettings.Value(inputs.Options, m))));
        return json;
    }

    public static JsonObject Data(TokenizedDataset train, TokenizedDataset? held) =>
        new() { ["train"] = Data(train), ["eval"] = held is null ? null : Data(held) };

    public static JsonObject Data(TokenizedDataset data) => new()
    {
        ["source"] = data.Data.Source,
        ["rows"] = data.Count,
        ["skipped_rows"] = data.Data.SkippedRows,
        ["tokens"] = data.Tokens,
        ["truncated_rows"] = data.TruncatedRows,
        ["rows_on_disk"] = data.Data.OnDisk,
        ["tokens_on_disk"] = data.OnDisk,
    };
}
