using System.Text.Json.Nodes;
using PeftSharp.Files;
using PeftSharp.Files.Json;
using PeftSharp.Runs.Comparing;

namespace PeftSharp.Runs.Autotuning;

/// <summary>What a search has found so far, as autotune.json, trials.csv and a recipe for each point of the front.</summary>
internal sealed class AutotuneReport(AutotunePlan plan, string root, Caller caller)
{
    /// <summary>The recipe of the result.</summary>
    public const string Best = "best.yaml";

    private const string FrontFolder = "front";

    /// <summary>What was tried.</summary>
    public List<TunedTrial> Trials { get; set; } = [];

    /// <summary>What failed, each with the reason.</summary>
    public List<string> Failures { get; set; } = [];

    /// <summary>What a structure search has learnt; null for other searches.</summary>
    public JsonNode? Structure { get; set; }

    /// <summary>The trials that no other beats in score and weights, by weights; of those that were tried longest.</summary>
    public IReadOnlyList<TunedTrial> Front
    {
        get
        {
            if (Trials.Count == 0) return [];
            var longest = Trials.Max(t => t.Epochs);
            var whole = Trials.Where(t => t.Epochs == longest).ToList();
            return [.. ParetoFront.Of([.. whole.Select(t => (t.Gain, (double)t.Weights))]).Select(i => whole[i])];
        }
    }

    /// <summary>Says that no trial was a whole one; null where one was, or none ended.</summary>
    public string? Shortfall => Trials.Count == 0 || Trials.Max(t => t.Epochs) is var most && most >= plan.Epochs ? null
        : FormattableString.Invariant($"the budget was too small for one whole trial of {plan.Epochs:0.##} epochs; the scores are of ")
          + FormattableString.Invariant($"{most:0.##}. Give more minutes, or fewer rows or epochs to the search.");

    /// <summary>A whole recipe with a trial's settings: what training runs.</summary>
    public JsonObject Recipe(TunedTrial trial)
    {
        var recipe = (JsonObject)plan.Common.DeepClone();
        foreach (var (key, value) in trial.Settings) recipe[key] = value?.DeepClone();
        return recipe;
    }

    public JsonObject Json()
    {
        var front = Front;
        return new()
        {
            ["program"] = caller.Name,
            ["plan"] = plan.Source,
            ["strategy"] = $"{plan.Strategy}".ToLowerInvariant(),
            ["seed"] = plan.Seed,
            ["rows"] = plan.Rows,
            ["epochs"] = plan.Epochs,
            ["max_weights"] = plan.MaxWeights,
            ["structure"] = Structure?.DeepClone(),
            ["front"] = new JsonArray([.. front.Select(t => (JsonNode)Json(t, true))]),
            ["trials"] = new JsonArray([.. Trials.Select(t => (JsonNode)Json(t, front.Contains(t)))]),
            ["failures"] = JsonText.Texts(Failures),
        };
    }

    /// <summary>Writes what is known.</summary>
    public void Write()
    {
        var front = Front;
        AtomicFile.WriteText(Path.Combine(root, "autotune.json"), JsonText.Text(Json()) + "\n");
        AtomicFile.WriteText(Path.Combine(root, "trials.csv"), CsvTable.Text(Trials.Select(t => t.Json(front.Contains(t)))));
        var recipes = front.ToDictionary(t => Path.Combine(FrontFolder, $"{t.Number}.yaml"));
        if (front.MaxBy(t => t.Gain) is { } best) recipes[Best] = best;
        foreach (var (name, trial) in recipes)
            AtomicFile.WriteText(Path.Combine(root, name), JsonText.Text(Recipe(trial)) + "\n");
        // A recipe whose trial is no longer on the front would mislead.
        if (!Directory.Exists(Path.Combine(root, FrontFolder))) return;
        foreach (var file in Directory.GetFiles(Path.Combine(root, FrontFolder), "*.yaml"))
            if (!recipes.ContainsKey(Path.GetRelativePath(root, file))) File.Delete(file);
    }

    private JsonObject Json(TunedTrial trial, bool onFront)
    {
        var json = trial.Json(onFront);
        json["settings"] = trial.Settings.DeepClone();
        return json;
    }
}
