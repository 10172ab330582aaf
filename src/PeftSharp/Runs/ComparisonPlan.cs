using System.Globalization;
using System.Text.Json.Nodes;
using PeftSharp.Runs.Comparing;
using PeftSharp.Runs.Recipes;

namespace PeftSharp.Runs;

/// <summary>What is compared: every method on every dataset with every seed.</summary>
public sealed record ComparisonPlan
{
    private const int MostCells = 10_000;

    /// <summary>Settings of every run, under the keys of a recipe.</summary>
    public JsonObject Common { get; init; } = [];

    /// <summary>The datasets.</summary>
    public IReadOnlyList<Variant> Datasets { get; init; } = [];

    /// <summary>The methods.</summary>
    public IReadOnlyList<Variant> Methods { get; init; } = [];

    /// <summary>The seeds. Default: 42 alone.</summary>
    public IReadOnlyList<ulong> Seeds { get; init; } = [42];

    /// <summary>A search for each method's learning rate; null (default) for none.</summary>
    public RateSearch? Search { get; init; }

    /// <summary>Minutes that this invocation may take; null for as long as it takes.</summary>
    public double? Budget { get; init; }

    /// <summary>Where the plan was read, for messages; null for the command line.</summary>
    public string? Source { get; init; }

    /// <summary>Reads a plan: datasets, methods, seeds, and beside them the settings of all runs as in a recipe.</summary>
    /// <param name="file">A YAML file of at most 1 MB.</param>
    /// <exception cref="PeftException">It does not exist, or is no plan.</exception>
    public static ComparisonPlan Load(string file)
    {
        ArgumentException.ThrowIfNullOrEmpty(file);
        return CompareFile.Read(file);
    }

    /// <summary>A plan of methods on datasets, each by its name or path.</summary>
    /// <param name="baseModel">The base model of all runs.</param>
    /// <param name="datasets">Paths of datasets.</param>
    /// <param name="methods">Methods, aliases, presets or unions.</param>
    public static ComparisonPlan Of(string baseModel, IEnumerable<string> datasets, IEnumerable<string> methods) => new()
    {
        Common = new() { ["base_model"] = baseModel },
        Datasets = [.. datasets.Select(Variant.Dataset)],
        Methods = [.. methods.Select(method => new Variant(method, new() { ["method"] = method }))],
    };

    /// <summary>Refuses a plan that says too little, or one thing twice.</summary>
    /// <exception cref="SettingsException">It does.</exception>
    public void Validate()
    {
        if (Budget is { } minutes && !(minutes > 0))
            throw Bad("budget_minutes", string.Create(CultureInfo.InvariantCulture, $"is {minutes}; expected minutes above 0"));
        if (Seeds.Distinct().Count() != Seeds.Count || Seeds.Count == 0)
            throw Bad("seeds", "needs one or more different numbers, such as 42, 43, 44");
        if (Methods.GroupBy(m => m.Name).FirstOrDefault(g => g.Count() > 1) is { } twice)
            throw Bad("methods", $"holds \"{twice.Key}\" twice; give each method once");
        if (Methods.Count == 0) throw Bad("methods", "is empty; name at least one");
        if (Datasets.Count == 0) throw Bad("datasets", "is empty; name at least one");
    }

    /// <summary>
    /// The cells in the order in which they are run: every method once before any runs with another seed, so that a budget cuts seeds
    /// first.
    /// </summary>
    /// <exception cref="SettingsException">There are more than anybody could run.</exception>
    internal IEnumerable<Cell> Cells()
    {
        if ((long)Seeds.Count * Datasets.Count * Methods.Count is > MostCells and var count)
            throw new SettingsException(
                $"The comparison asks for {count:N0} runs ({Datasets.Count} datasets, {Methods.Count} methods, {Seeds.Count} seeds); at "
                + $"most {MostCells:N0} are planned at once.");
        foreach (var seed in Seeds)
            foreach (var dataset in Datasets)
                foreach (var method in Methods)
                    yield return Cell.Of(this, dataset, method, seed);
    }

    /// <summary>The searching cells of a method on a dataset; none where the method has a rate of its own or there is no search.</summary>
    internal IReadOnlyList<Cell> SearchCells(Variant dataset, Variant method) =>
        Search is null || HasRate(method) || HasRate(dataset)
            ? []
            : [.. Search.Rates.Select(rate => Cell.Searching(this, dataset, method, rate))];

    /// <summary>The models, data and other files that the runs read.</summary>
    internal IEnumerable<string?> Paths => Datasets.Concat(Methods).Select(v => v.Settings).Append(Common).SelectMany(PathsOf);

    /// <summary>What of some settings of a run is read.</summary>
    internal static IEnumerable<string?> PathsOf(JsonObject settings) =>
        settings.Where(s => TrainKeys.Find(s.Key) is { Option: var option } && Reading.Contains(option)).Select(s => s.Value?.ToString());

    private static readonly string[] Reading = ["--base", "--adapter", "--data", "--eval-data", "--rows", "--cache"];

    private static bool HasRate(Variant variant) => variant.Settings.ContainsKey("learning_rate");

    private SettingsException Bad(string key, string problem) => new($"{Source ?? "The plan"}: \"{key}\" {problem}.");
}
