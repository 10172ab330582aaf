using System.Text.Json.Nodes;
using PeftSharp.Runs.Recipes;

namespace PeftSharp.Runs.Comparing;

/// <summary>One thing that is varied, a dataset or a method, with the settings that make it, under the keys of a recipe.</summary>
/// <param name="Name">Its name in tables and folders.</param>
/// <param name="Settings">Settings that win over those of the whole comparison.</param>
internal sealed record Variant(string Name, JsonObject Settings);

/// <summary>A search for a method's learning rate: the same rates, rows and epochs for every method, on training rows alone.</summary>
/// <param name="Rates">The rates to try.</param>
/// <param name="Take">Training rows to train on; half as many others, training rows too, are scored on.</param>
/// <param name="Epochs">Passes over them.</param>
internal sealed record RateSearch(IReadOnlyList<double> Rates, int Take, double Epochs);

/// <summary>What is compared: every method on every dataset with every seed.</summary>
internal sealed record ComparePlan
{
    private const int MostCells = 10_000;

    /// <summary>Settings of every run, under the keys of a recipe.</summary>
    public required JsonObject Common { get; init; }

    public required IReadOnlyList<Variant> Datasets { get; init; }

    public required IReadOnlyList<Variant> Methods { get; init; }

    public required IReadOnlyList<ulong> Seeds { get; init; }

    public RateSearch? Search { get; init; }

    /// <summary>Minutes that this invocation may take; null for as long as it takes.</summary>
    public double? Budget { get; init; }

    /// <summary>Where the plan was read, for messages; null for the command line.</summary>
    public string? Source { get; init; }

    /// <summary>The cells in the order in which they are run: every method once before any runs with another seed, so that a budget cuts seeds first.</summary>
    /// <exception cref="SettingsException">There are more than anybody could run.</exception>
    public IEnumerable<Cell> Cells()
    {
        if ((long)Seeds.Count * Datasets.Count * Methods.Count is > MostCells and var count)
            throw new SettingsException($"The comparison asks for {count:N0} runs ({Datasets.Count} datasets, {Methods.Count} methods, {Seeds.Count} seeds); at most {MostCells:N0} are planned at once.");
        foreach (var seed in Seeds)
            foreach (var dataset in Datasets)
                foreach (var method in Methods)
                    yield return Cell.Of(this, dataset, method, seed);
    }

    /// <summary>The searching cells of a method on a dataset; none where the method has a rate of its own or there is no search.</summary>
    public IReadOnlyList<Cell> SearchCells(Variant dataset, Variant method) =>
        Search is null || HasRate(method) || HasRate(dataset) ? [] : [.. Search.Rates.Select(rate => Cell.Searching(this, dataset, method, rate))];

    /// <summary>The models, data and other files that the runs read.</summary>
    public IEnumerable<string?> Paths => Datasets.Concat(Methods).Select(v => v.Settings).Append(Common)
        .SelectMany(settings => settings).Where(s => TrainKeys.Find(s.Key) is { Option: var option } && Reading.Contains(option)).Select(s => s.Value?.ToString());

    private static readonly string[] Reading = ["--base", "--data", "--eval-data", "--rows", "--cache"];

    private static bool HasRate(Variant variant) => variant.Settings.ContainsKey("learning_rate");
}
