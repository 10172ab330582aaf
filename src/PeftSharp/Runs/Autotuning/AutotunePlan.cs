using System.Globalization;
using System.Text.Json.Nodes;
using PeftSharp.Runs.Comparing;

namespace PeftSharp.Runs.Autotuning;

/// <summary>What is searched, how, and for how long.</summary>
public sealed record AutotunePlan
{
    /// <summary>Settings of every run, under the keys of a recipe: base model, data, and what is not chosen.</summary>
    public JsonObject Common { get; init; } = [];

    /// <summary>What is chosen among. Default: AutoPEFT's space, or for a structure search LoRA and bottlenecks at all places.</summary>
    public SearchSpace Space
    {
        get => field ?? (Strategy == AutotuneStrategy.S3Delta ? SearchSpace.Places : SearchSpace.AutoPeft);
        init;
    }

    /// <summary>How. Default: successive halving.</summary>
    public AutotuneStrategy Strategy { get; init; }

    /// <summary>
    /// Configurations to try, from 1 to 1000; null (default) for 9 in halving and 20 in Bayesian search, or as many as fit into the budget.
    /// </summary>
    public int? Trials { get; init; }

    /// <summary>
    /// Most weights that a configuration may train, the head not counted; null (default) for any number. A structure search (S³Delta) needs
    /// it.
    /// </summary>
    public long? MaxWeights { get; init; }

    /// <summary>
    /// Training rows that trials train on, at least 20; half as many others are scored, never the rows that a result is judged by. Default:
    /// 2000.
    /// </summary>
    public int Rows { get; init; } = 2000;

    /// <summary>Passes over them in a whole trial, above 0; halving starts with a ninth of them. Default: 3.</summary>
    public double Epochs { get; init; } = 3;

    /// <summary>Minutes that this invocation may take; null (default) for as long as it takes. A run that has begun is not cut
    /// off.</summary>
    public double? Budget { get; init; }

    /// <summary>Seed of what is drawn, and of every run. Default: 42.</summary>
    public ulong Seed { get; init; } = 42;

    /// <summary>Where the plan was read, for messages; null for a program or a command line.</summary>
    public string? Source { get; init; }

    /// <summary>Reads a plan: its own keys, and beside them those of a recipe for all runs.</summary>
    /// <param name="file">A YAML file of at most 1 MB with <c>space</c>, <c>strategy</c>, <c>trials</c>, <c>max_weights</c>,
    /// <c>search_rows</c>, <c>search_epochs</c>, <c>budget_minutes</c>, <c>seed</c>, each of which may be left out.</param>
    /// <exception cref="PeftException">It does not exist, or is no plan.</exception>
    public static AutotunePlan Load(string file)
    {
        ArgumentException.ThrowIfNullOrEmpty(file);
        return AutotuneFile.Read(file);
    }

    /// <summary>Refuses a plan that cannot be carried out, before anything is run.</summary>
    /// <exception cref="SettingsException">It cannot.</exception>
    public void Validate()
    {
        Space.Validate(Place);
        if (Trials is < 1 or > 1000) throw Bad("trials", Trials, "a whole number from 1 to 1000");
        if (MaxWeights < 1) throw Bad("max_weights", MaxWeights, "a whole number of at least 1");
        if (Rows < 20) throw Bad("search_rows", Rows, "a whole number of at least 20");
        if (!(Epochs > 0 && double.IsFinite(Epochs))) throw Bad("search_epochs", Epochs, "a number above 0");
        if (Budget is { } minutes && !(minutes > 0)) throw Bad("budget_minutes", minutes, "minutes above 0");
        if (Common.ContainsKey("method"))
            throw new SettingsException($"{Place}: \"method\" is what the search chooses; name modules in its space instead.");
        if (Strategy == AutotuneStrategy.S3Delta && MaxWeights is null)
            throw new SettingsException($"{Place}: s3delta shares out a budget of weights; give max_weights, such as 10000.");
    }

    /// <summary>What messages call the plan.</summary>
    internal string Place => Source ?? "The search";

    /// <summary>The dataset's name, for the names of its runs.</summary>
    internal string Dataset => Common["data"] is { } data ? Variant.Dataset($"{data}").Name : "data";

    /// <summary>The model, the data and other files that the runs read.</summary>
    internal IEnumerable<string?> Paths => ComparisonPlan.PathsOf(Common);

    private SettingsException Bad(string key, IFormattable? value, string expected) =>
        new($"{Place}: \"{key}\" is {value?.ToString(null, CultureInfo.InvariantCulture)}; expected {expected}.");
}
