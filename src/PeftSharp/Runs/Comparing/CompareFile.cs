using System.Globalization;
using System.Text.Json.Nodes;
using PeftSharp.Runs.Recipes;

namespace PeftSharp.Runs.Comparing;

/// <summary>
/// Reads a comparison: its own keys (datasets, methods, seeds, learning_rates, budget_minutes), and beside them the keys of a recipe for
/// all runs.
/// </summary>
internal static class CompareFile
{
    private static readonly string[] Own =
        ["datasets", "methods", "seeds", "learning_rates", "search_rows", "search_epochs", "budget_minutes"];

    private const int MostVariants = 1000;

    public static ComparisonPlan Read(string file)
    {
        var json = RecipeFile.ReadJson(file);
        var common = new JsonObject();
        foreach (var (key, value) in json)
            if (!Own.Contains(key)) common[key] = value?.DeepClone();
        return new()
        {
            Common = common,
            Datasets = json["datasets"] is { } datasets ? Variants(file, "datasets", "data", datasets)
                : common["data"] is { } data ? [Variant.Dataset(Text(file, "data", data))]
                : [],
            Methods = json["methods"] is { } methods ? Variants(file, "methods", "method", methods) : [],
            Seeds = json["seeds"] is { } seeds ? Seeds(file, seeds) : [42],
            Search = json["learning_rates"] is { } rates
                ? RateSearch.Over(Rates(file, rates), Optional(file, json, "search_rows"), Optional(file, json, "search_epochs"))
                : null,
            Budget = Optional(file, json, "budget_minutes"),
            Source = file,
        };
    }

    // Names with settings; a name alone, in a list or without settings, stands for itself.
    private static List<Variant> Variants(string file, string key, string what, JsonNode node)
    {
        var variants = node switch
        {
            JsonObject map => map.SelectMany(pair => Expand(file, what, pair.Key, pair.Value)).Take(MostVariants + 1).ToList(),
            JsonArray list => [.. list.Select(item => Alone(what, Text(file, key, item)))],
            _ =>
                what == "data"
                    ? [Alone(what, Text(file, key, node))]
                    : [.. Values.List(Text(file, key, node)).Select(name => Alone(what, name))],
        };
        if (variants.Count == 0) throw Bad(file, key, "is empty; list at least one");
        if (variants.Count > MostVariants) throw Bad(file, key, $"stands for more than {MostVariants}; compare fewer at once");
        if (variants.GroupBy(v => v.Name).FirstOrDefault(g => g.Count() > 1) is { } twice)
            throw Bad(file, key, $"holds \"{twice.Key}\" twice; give each its own name");
        return variants;
    }

    private static Variant Alone(string what, string name) => what == "data" ? Variant.Dataset(name) : Variant.Method(name);

    private static IEnumerable<Variant> Expand(string file, string what, string name, JsonNode? settings)
    {
        if (settings is JsonValue path && what == "data") return [new(name, new JsonObject { ["data"] = path.DeepClone() })];
        if (settings is not (null or JsonObject))
            throw Bad(file, name, "holds no settings; write \"key: value\" lines below it, or nothing");
        var given = (JsonObject?)settings?.DeepClone() ?? [];
        if (!given.ContainsKey(what)) given[what] = name;
        if (given["grid"] is not { } grid) return [new(name, given)];
        given.Remove("grid");
        return Grid(
            file, name, given, grid as JsonObject ?? throw Bad(file, name, "has a grid that is no mapping; write \"grid: {r: [4, 8]}\""));
    }

    private static List<Variant> Grid(string file, string name, JsonObject given, JsonObject grid)
    {
        // Before any of them is made: nine axes of ten values are a billion.
        var count = grid.Aggregate(1L, (all, axis) => Math.Min(MostVariants + 1, all * Math.Max(1, (axis.Value as JsonArray)?.Count ?? 1)));
        if (count > MostVariants) throw Bad(file, name, $"has a grid of more than {MostVariants} combinations; try fewer values at once");
        List<(string Name, JsonObject Settings)> made = [(name, given)];
        foreach (var (key, values) in grid)
        {
            if (values is not JsonArray { Count: > 0 } list) throw Bad(file, $"{name}: {key}", "is no list of values to try");
            made = [.. made.SelectMany(one => list.Select(value =>
            {
                var settings = (JsonObject)one.Settings.DeepClone();
                settings[key] = value?.DeepClone();
                return ($"{one.Name} {key}={value}", settings);
            }))];
        }
        return [.. made.Select(m => new Variant(m.Name, m.Settings))];
    }

    private static List<ulong> Seeds(string file, JsonNode node)
    {
        var seeds = Items(node)
            .Select(
                text =>
                    ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var seed)
                        ? seed
                        : throw Bad(file, "seeds", $"holds \"{text}\"; expected whole numbers"))
                .ToList();
        return seeds.Count > 0 && seeds.Distinct().Count() == seeds.Count
            ? seeds
            : throw Bad(file, "seeds", "needs one or more different numbers");
    }

    private static List<double> Rates(string file, JsonNode node) =>
        [.. Items(node).Select(r => Number(file, "learning_rates", r))];

    private static IEnumerable<string> Items(JsonNode node) =>
        node is JsonArray list ? list.Select(item => $"{item}") : Values.List($"{node}");

    private static double? Optional(string file, JsonObject json, string key) => json[key] is { } node ? Number(file, key, node) : null;

    private static double Number(string file, string key, JsonNode? node) =>
        double.TryParse($"{node}", NumberStyles.Float, CultureInfo.InvariantCulture, out var value)
            ? value
            : throw Bad(file, key, $"holds \"{node}\"; expected a number");

    private static string Text(string file, string key, JsonNode? node) =>
        node is JsonValue value ? value.ToString() : throw Bad(file, key, "holds something that is no name");

    private static SettingsException Bad(string file, string key, string problem) => new($"{file}: \"{key}\" {problem}.");
}
