using System.Globalization;
using System.Text.Json.Nodes;
using PeftSharp.Runs.Recipes;

namespace PeftSharp.Runs.Autotuning;

/// <summary>Reads the plan of a search.</summary>
internal static class AutotuneFile
{
    private static readonly string[] Own =
        ["space", "strategy", "trials", "max_weights", "search_rows", "search_epochs", "budget_minutes", "seed"];

    public static AutotunePlan Read(string file)
    {
        var json = RecipeFile.ReadJson(file);
        var common = new JsonObject();
        foreach (var (key, value) in json)
            if (!Own.Contains(key)) common[key] = value?.DeepClone();
        var plan = new AutotunePlan { Common = common, Source = file };
        string? Text(string key) => json[key] is JsonValue value ? $"{value}" : null;
        double? Number(string key) => Text(key) is { } text ? Parsed($"{file}: \"{key}\"", text) : null;
        int? Whole(string key) => Text(key) is { } text ? (int)WholeNumber($"{file}: \"{key}\"", text, int.MaxValue) : null;
        return plan with
        {
            Space = json["space"] is { } space ? SpaceReader.From(file, space) : plan.Space,
            Strategy = Text("strategy") is { } name ? Strategy($"{file}: \"strategy\"", name) : plan.Strategy,
            Trials = Whole("trials"),
            MaxWeights = Text("max_weights") is { } most ? WholeNumber($"{file}: \"max_weights\"", most, long.MaxValue) : null,
            Rows = Whole("search_rows") ?? plan.Rows,
            Epochs = Number("search_epochs") ?? plan.Epochs,
            Budget = Number("budget_minutes"),
            Seed = Text("seed") is { } seed ? (ulong)WholeNumber($"{file}: \"seed\"", seed, long.MaxValue) : plan.Seed,
        };
    }

    /// <summary>A strategy by its name.</summary>
    public static AutotuneStrategy Strategy(string where, string name) =>
        Enum.GetValues<AutotuneStrategy>().Cast<AutotuneStrategy?>()
            .FirstOrDefault(s => string.Equals($"{s}", name, StringComparison.OrdinalIgnoreCase))
        ?? throw new SettingsException($"{where} is \"{Printable.Cut(name, 40)}\"; expected halving, bayes or s3delta.");

    /// <summary>A number.</summary>
    public static double Parsed(string where, string text) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value)
            ? value
            : throw new SettingsException($"{where} is \"{Printable.Cut(text, 40)}\"; expected a number.");

    /// <summary>A whole number from 0 on.</summary>
    public static long WholeNumber(string where, string text, long most) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value) && value <= most
            ? value
            : throw new SettingsException($"{where} is \"{Printable.Cut(text, 40)}\"; expected a whole number.");
}
