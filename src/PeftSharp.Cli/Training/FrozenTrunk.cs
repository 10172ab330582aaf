using System.Globalization;
using System.Text.Json.Nodes;
using PeftSharp.Cli.Terminal;
using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Runs.Trunk;
using PeftSharp.Sites;
using Spectre.Console;

namespace PeftSharp.Cli.Training;

/// <summary>What <c>--cache-trunk</c> does, and says: its disk need before, its time and what it changes after.</summary>
internal static class FrozenTrunk
{
    /// <summary>Finds the trunk and refuses what has none, or no room on the disk; nothing is computed yet.</summary>
    public static TrunkPlan Plan(TrainInputs inputs, TrainSettings settings, Remarks remarks)
    {
        List<TokenizedDataset> data = inputs.Held is { } held ? [inputs.Train, held] : [inputs.Train];
        var plan = new TrunkPlan(inputs.Model, AdapterSelection.Of(inputs.Adapter.Tag), data, settings.Cache);
        remarks.Write($"trunk: {Parts(plan)} are computed once and kept in {plan.Folder}, {Format.Bytes(plan.Bytes)} while the run lasts; dropout inside them is off");
        plan.CheckRoom();
        return plan;
    }

    public static TrunkCache Build(TrunkPlan plan, TrainInputs inputs, TrainSettings settings, Remarks remarks, CancellationToken cancellation)
    {
        // Composed as the first epoch's batches are, so that they go on with the very bits that the trunk would give them.
        var batches = new Dictionary<TokenizedDataset, TrunkBatches> { [inputs.Train] = new(inputs.Batches(settings).Epoch(0), settings.TokensPerPass) };
        var rows = inputs.Train.Count + (inputs.Held?.Count ?? 0);
        var cache = Show(remarks, rows, progress => TrunkCache.Build(plan, batches, progress, cancellation));
        remarks.Write(string.Create(CultureInfo.InvariantCulture, $"trunk: {Format.Count(rows)} rows in {cache.Seconds:0.0} s"));
        return cache;
    }

    public static JsonObject Json(TrunkCache trunk) => new()
    {
        ["layers"] = trunk.Plan.LayersWithoutDropout,
        ["of_layers"] = trunk.Plan.Layers,
        ["pooler"] = trunk.Plan.ThroughPooler,
        ["bytes"] = trunk.Plan.Bytes,
        ["build_seconds"] = trunk.Seconds,
        ["dropout"] = false,
    };

    private static string Parts(TrunkPlan plan) =>
        $"the embeddings and {(plan.LayersWithoutDropout == plan.Layers ? $"all {plan.Layers}" : $"the lowest {plan.LayersWithoutDropout} of {plan.Layers}")} layers{(plan.ThroughPooler ? ", and the pooler," : "")}";

    private static TrunkCache Show(Remarks remarks, int rows, Func<Action<int>?, TrunkCache> build)
    {
        if (remarks.Quiet || !Screen.ErrorIsLive) return build(null);
        return Screen.Error.Progress().Columns(new ProgressBarColumn(), new PercentageColumn(), new TaskDescriptionColumn { Alignment = Justify.Left }).Start(context =>
        {
            var task = context.AddTask("trunk", maxValue: rows);
            return build(done => task.Value = done);
        });
    }
}
