using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using PeftSharp.Files.Json;
using PeftSharp.Runs.Recipes;
using PeftSharp.Runs.Training;

namespace PeftSharp.Runs.Comparing;

/// <summary>One run of a comparison. Its folder's name holds a hash of its settings: other settings are another cell.</summary>
internal sealed record Cell(string Dataset, string Method, ulong Seed, double? SearchedRate, JsonObject Settings)
{
    /// <summary>The folder's name.</summary>
    public string Id { get; } = $"{Plain(Dataset)}-{Plain(Method)}-{Seed}{RateOf(SearchedRate)}-{Hash(Settings)}";

    /// <summary>For people.</summary>
    public string Title =>
        $"{Dataset} {Method} "
        + $"{(SearchedRate is { } rate ? $"learning rate {rate.ToString("G4", CultureInfo.InvariantCulture)}" : $"seed {Seed}")}";

    /// <summary>True for a run that only finds a learning rate.</summary>
    public bool IsSearch => SearchedRate is not null;

    public static Cell Of(ComparisonPlan plan, Variant dataset, Variant method, ulong seed) =>
        new(dataset.Name, method.Name, seed, null, Join(plan, dataset, method, seed));

    // A search scores on training rows that it does not train on, never on the rows that methods are compared on.
    public static Cell Searching(ComparisonPlan plan, Variant dataset, Variant method, double rate)
    {
        var settings = OnTrainingRows(Join(plan, dataset, method, plan.Seeds[0]), plan.Search!.Take, plan.Search.Epochs);
        settings["learning_rate"] = rate;
        return new(dataset.Name, method.Name, plan.Seeds[0], rate, settings);
    }

    /// <summary>The settings of a run, scored on training rows that it does not train on.</summary>
    /// <param name="settings">The settings of a run; taken over.</param>
    /// <param name="take">Rows to train on; half as many are scored.</param>
    /// <param name="epochs">Passes over them.</param>
    public static JsonObject OnTrainingRows(JsonObject settings, int take, double epochs)
    {
        foreach (var key in (string[])["eval_data", "validation_file", "rows", "max_steps", "eval_steps"]) settings.Remove(key);
        settings["num_train_epochs"] = epochs;
        settings["max_train_samples"] = take;
        settings["max_eval_samples"] = take / 2;
        settings["split_shares"] = "0.7,0.3";
        return settings;
    }

    /// <summary>The same cell with the rate that a search found.</summary>
    public Cell WithRate(double rate)
    {
        var settings = (JsonObject)Settings.DeepClone();
        settings["learning_rate"] = rate;
        return new(Dataset, Method, Seed, SearchedRate, settings);
    }

    /// <summary>Refuses settings that no run would take, before any runs.</summary>
    /// <exception cref="PeftException">One is unknown or out of range; the message names the cell.</exception>
    public void Check(string file, string? source, Caller caller)
    {
        try
        {
            var settings = new TrainSettings { Caller = caller };
            RecipeFile.Apply(file, settings);
            if (settings.Base is null) throw new SettingsException($"base_model is missing; {caller.GiveBaseOfAll}.");
            TrainingRun.OptionsOf(settings, []).Validate();
            settings.ForTrainer(false, true).Validate();
        }
        catch (PeftException e)
        {
            throw new SettingsException(
                $"{source ?? "The comparison"}, {Dataset} with {Method}: "
                + $"{e.Message.Replace($"{file}, ", "", StringComparison.Ordinal).Replace($"{file}: ", "", StringComparison.Ordinal)}");
        }
    }

    private static JsonObject Join(ComparisonPlan plan, Variant dataset, Variant method, ulong seed)
    {
        var joined = (JsonObject)plan.Common.DeepClone();
        foreach (var (key, value) in dataset.Settings.Concat(method.Settings)) joined[key] = value?.DeepClone();
        joined["seed"] = seed;
        return joined;
    }

    private static string RateOf(double? searched) =>
        searched is { } rate ? $"-lr{rate.ToString("0.0e+0", CultureInfo.InvariantCulture)}" : "";

    private static string Plain(string name) =>
        new([.. name.Select(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '=' or '_' ? c : '-')]);

    private static string Hash(JsonObject settings) =>
        Convert.ToHexStringLower(
            SHA256.HashData(
                Encoding.UTF8.GetBytes(
                    JsonText.Line(
                        new JsonObject(
                            settings.OrderBy(s => s.Key, StringComparer.Ordinal)
                                .Select(s => KeyValuePair.Create(s.Key, s.Value?.DeepClone())))))))[..8];
}
