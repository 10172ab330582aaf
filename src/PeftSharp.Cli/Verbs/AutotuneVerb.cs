using System.CommandLine;
using System.Globalization;
using PeftSharp.Cli.Autotuning;
using PeftSharp.Cli.Comparing;
using PeftSharp.Cli.Terminal;
using PeftSharp.Runs;
using PeftSharp.Runs.Autotuning;

namespace PeftSharp.Cli.Verbs;

/// <summary><c>peft autotune</c>: searches modules, sizes and layers, and writes a recipe for each best score at its number of
/// weights.</summary>
internal static class AutotuneVerb
{
    private static readonly Argument<string?> File = new("PLAN")
    {
        Description = "A YAML file: what to choose among, and the settings of all runs as in a recipe.",
        Arity = ArgumentArity.ZeroOrOne,
    };
    private static readonly Option<string> Base = VerbParts.Base(),
        Data = VerbParts.Text("--data", "PATH", "Training rows, as for peft train; trials are scored on some that they do not train on."),
        Out = VerbParts.Text("--out", "FOLDER", "Where runs, tables, the picture and recipes go; what was tried there is not tried again.");
    private static readonly Option<string> Space = VerbParts.Text(
        "--space", "SPACE",
        "What to choose among: autopeft, lora, or modules with sizes (0: without), as \"seq_bn=0,8,64 lora=0,4,16\"; a key of a recipe "
        + "with values is chosen too; layers=all leaves no layer out. Default: autopeft.");
    private static readonly Option<string> Strategy = VerbParts.Text(
        "--strategy", "NAME", "halving (many briefly, the better ones longer), bayes, or s3delta (gates that learn). Default: halving.");
    private static readonly Option<string> Trials = VerbParts.Text(
        "--trials", "N", "Configurations to try. Default: 9 (halving), 20 (bayes), or what fits into --budget.");
    private static readonly Option<string> MaxWeights = VerbParts.Text(
        "--max-weights", "N", "Most weights that a configuration may train, the head not counted.");
    private static readonly Option<string> Rows = VerbParts.Text("--search-rows", "N", "Training rows of a trial. Default: 2000.");
    private static readonly Option<string> Epochs = VerbParts.Text(
        "--search-epochs", "N", "Passes over them in a whole trial. Default: 3.");
    private static readonly Option<string> Budget = VerbParts.Text(
        "--budget", "MINUTES", "Try what fits into so many minutes; a run that has begun is not cut off.", "--budget-minutes");
    private static readonly Option<string> Seed = VerbParts.Text("--seed", "N", "Seed of what is drawn and of every run. Default: 42.");
    private static readonly Option<string[]> Set = new("--set")
    {
        Description = "A setting of all runs under its name in a recipe, for example learning_rate=1e-3; may be given several times.",
        HelpName = "NAME=VALUE",
        AllowMultipleArgumentsPerToken = true,
    };
    private static readonly Option<bool> Quiet = new("--quiet") { Description = "No progress, no remarks." }, Json = VerbParts.Json();

    public static void Build(Command command)
    {
        command.Add(File);
        Option[] options = [Base, Data, Space, Strategy, Trials, MaxWeights, Rows, Epochs, Budget, Seed, Set, Out, Quiet, Json];
        foreach (var option in options) command.Add(option);
        HelpWithExamples.Add(command,
            "autotune --base models/bert-base --data data/MRPC --budget 20 --out runs/search",
            "autotune --base models/bert-base --data data/MRPC --space \"seq_bn=0,8,64 lora=0,4,16 learning_rate=5e-4,2e-3\" "
            + "--strategy bayes --trials 25 --out runs/search",
            "train --recipe runs/search/best.yaml --seed 7 --out runs/found");
        VerbParts.Run(command, Run);
    }

    private static int Run(ParseResult parsed)
    {
        var plan = Plan(parsed);
        var folder = VerbParts.Need(parsed, Out, "autotune");
        using var interruption = new Interruption(
            "Stopping this run after its step; what has finished is kept. Interrupt again to end at once.");
        var search = Autotune.Run(
            plan, folder, new ProcessCells(interruption), new ConsoleObserver(parsed.GetValue(Quiet)), new CommandLineCaller("autotune"),
            interruption.Token);
        ParetoPlot.TryWrite(Path.Combine(search.Folder, "front.png"), search, Console.Error.WriteLine);
        if (parsed.GetValue(Json)) JsonOut.Write(search.Report);
        else Show(search, folder);
        if (search.Shortfall is { } shortfall) Console.Error.WriteLine($"note: {shortfall}");
        if (search.Interrupted) Console.Error.WriteLine("Interrupted; the same command goes on where it was.");
        return search.Interrupted ? ExitCode.Interrupted : ExitCode.Success;
    }

    private static void Show(Autotune search, string folder)
    {
        if (search.Best is not { } best) return;
        var grid = new Grid("configuration", ">weights", $">{best.Metric}", ">seconds", "recipe");
        foreach (var trial in search.Front)
            grid.Row(
                trial.Description, Figures.Count(trial.Weights), Figures.Score(trial.Score),
                trial.Seconds.ToString("0.0", CultureInfo.InvariantCulture), $"front/{trial.Number}.yaml");
        grid.Write();
        var failed = search.Failures.Count == 0 ? "" : $", {search.Failures.Count} failed";
        Console.Out.WriteLine(
            $"{search.Trials.Count} trials{failed}; those above are beaten by none in score and weights at once. Written to {folder}: "
            + $"autotune.json, trials.csv, front.png, best.yaml ({best.Description}).");
        Console.Out.WriteLine($"Next: peft train --recipe {Path.Combine(folder, "best.yaml")} --out FOLDER");
    }

    private static AutotunePlan Plan(ParseResult parsed)
    {
        var plan = parsed.GetValue(File) is { } file ? AutotunePlan.Load(file) : new AutotunePlan();
        if (parsed.GetValue(Base) is { } model) plan.Common["base_model"] = model;
        if (parsed.GetValue(Data) is { } data) plan.Common["data"] = data;
        foreach (var text in parsed.GetValue(Set) ?? [])
        {
            var (name, value) = VerbParts.Pair(text, "learning_rate=1e-3");
            plan.Common[name] = value;
        }
        return plan with
        {
            Space = parsed.GetValue(Space) is { } space ? SearchSpace.Parse(space) : plan.Space,
            Strategy = parsed.GetValue(Strategy) is { } strategy ? StrategyOf(strategy) : plan.Strategy,
            Trials = VerbParts.Whole(parsed, Trials) ?? plan.Trials,
            MaxWeights = VerbParts.Whole(parsed, MaxWeights) ?? plan.MaxWeights,
            Rows = VerbParts.Whole(parsed, Rows) ?? plan.Rows,
            Epochs = Number(parsed, Epochs) ?? plan.Epochs,
            Budget = Number(parsed, Budget) ?? plan.Budget,
            Seed = (ulong?)VerbParts.Whole(parsed, Seed) ?? plan.Seed,
        };
    }

    private static AutotuneStrategy StrategyOf(string text) =>
        Enum.TryParse<AutotuneStrategy>(text, ignoreCase: true, out var strategy) && Enum.IsDefined(strategy)
            ? strategy
            : throw new UsageException($"{Strategy.Name} is \"{text}\"; expected halving, bayes or s3delta.");

    private static double? Number(ParseResult parsed, Option<string> option) =>
        parsed.GetValue(option) is not { } text ? null
        : double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) ? number
        : throw new UsageException($"{option.Name} is \"{text}\"; expected a number.");
}
