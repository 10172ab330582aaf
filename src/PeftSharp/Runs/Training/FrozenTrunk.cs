using System.Globalization;
using System.Text.Json.Nodes;
using PeftSharp.Composition;
using PeftSharp.Data;
using PeftSharp.Runs.Recipes;
using PeftSharp.Runs.Trunk;
using PeftSharp.Sites;

namespace PeftSharp.Runs.Training;

/// <summary>What the setting "cache_trunk" does, and says: its disk need before, its time and what it changes after.</summary>
internal static class FrozenTrunk
{
    /// <summary>Finds the trunk and refuses what has none, or no room on the disk; nothing is computed yet.</summary>
    public static TrunkPlan Plan(TrainInputs inputs, TrainSettings settings, RunObserver observer)
    {
        List<TokenizedDataset> data = inputs.Held is { } held ? [inputs.Train, held] : [inputs.Train];
        var plan = new TrunkPlan(inputs.Model, inputs.Selection, data, settings.Cache);
        observer.Remark(
            $"trunk: {Parts(plan)} are computed once and kept in {plan.Folder}, {Figures.Bytes(plan.Bytes)} while the run lasts; dropout "
            + "inside them is off");
        plan.CheckRoom();
        return plan;
    }

    public static TrunkCache Build(
        TrunkPlan plan, TrainInputs inputs, TrainSettings settings, RunObserver observer, CancellationToken cancellation)
    {
        // Composed as the first epoch's batches are, so that they go on with the very bits that the trunk would give them.
        var batches = new Dictionary<TokenizedDataset, TrunkBatches>
        {
            [inputs.Train] = new(inputs.Batches(settings).Epoch(0), settings.TokensPerPass),
        };
        var rows = inputs.Train.Count + (inputs.Held?.Count ?? 0);
        var cache = Show(observer, rows, progress => TrunkCache.Build(plan, batches, progress, cancellation));
        observer.Remark(string.Create(CultureInfo.InvariantCulture, $"trunk: {Figures.Count(rows)} rows in {cache.Seconds:0.0} s"));
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

    private static string Parts(TrunkPlan plan)
    {
        var (quiet, all) = (plan.LayersWithoutDropout, plan.Layers);
        var layers = quiet == all ? $"all {all}" : $"the lowest {quiet} of {all}";
        return $"the embeddings and {layers} layers{(plan.ThroughPooler ? ", and the pooler," : "")}";
    }

    private static TrunkCache Show(RunObserver observer, int rows, Func<Action<int>?, TrunkCache> build) =>
        observer.During(RunStage.Trunk, "trunk", () => build(done => observer.Progressed(RunStage.Trunk, done, rows)));
}
