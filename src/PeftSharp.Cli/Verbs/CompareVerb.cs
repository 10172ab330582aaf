using System.CommandLine;
using System.Globalization;
using PeftSharp.Cli.Comparing;
using PeftSharp.Cli.Terminal;
using PeftSharp.Runs;
using PeftSharp.Runs.Comparing;
using PeftSharp.Runs.Recipes;

namespace PeftSharp.Cli.Verbs;

/// <summary><c>peft compare</c>: methods on datasets with seeds, each run a process of its own, as one table.</summary>
internal static class CompareVerb
{
    private static readonly Argument<string?> File = new("PLAN")
    {
        Description = "A YAML file: datasets, methods, seeds, and the settings of all runs as in a recipe.",
        Arity = ArgumentArity.ZeroOrOne,
    };
    private static readonly Option<string> Base = VerbParts.Base(),
        Out = VerbParts.Text("--out", "FOLDER", "Where cells and tables go; finished cells there are not run again.");
    private static readonly Option<string> Methods =
        VerbParts.Text("--methods", "NAMES", "Methods, aliases or presets, separated by commas.");
    private static readonly Option<string[]> Data = new("--data")
    {
        Description = "A dataset; may be given several times.",
        HelpName = "PATH",
        AllowMultipleArgumentsPerToken = true,
    };
    private static readonly Option<string> Seeds = VerbParts.Text("--seeds", "NUMBERS", "Seeds, separated by commas. Default: 42.");
    private static readonly Option<string> Rates =
        VerbParts.Text("--learning-rates", "RATES", "Search each method's learning rate among these, on training rows alone.");
    private static readonly Option<string> Budget =
        VerbParts.Text("--budget", "MINUTES", "Run what fits into so many minutes, and say what was left out.");
    private static readonly Option<string[]> Set = new("--set")
    {
        Description = "A setting of all runs under its name in a recipe, for example num_train_epochs=1; may be given several times.",
        HelpName = "NAME=VALUE",
        AllowMultipleArgumentsPerToken = true,
    };
    private static readonly Option<bool> Quiet = new("--quiet") { Description = "No progress, no remarks." }, Json = VerbParts.Json();

    public static void Build(Command command)
    {
        command.Add(File);
        foreach (var option in (Option[])[Base, Data, Methods, Seeds, Rates, Budget, Set, Out, Quiet, Json]) command.Add(option);
        HelpWithExamples.Add(command,
            "compare recipes/compare/sst2.yaml --out runs/compare",
            "compare --base models/bert-base --data data/SST-2 --methods lora,bitfit,houlsby --seeds 42,43,44 --set num_train_epochs=2 "
            + "--out runs/compare",
            "compare --base models/bert-base --data data/MRPC data/CoLA --methods lora,prefix --learning-rates 1e-4,5e-4,2e-3 --budget 60 "
            + "--out runs/rates");
        VerbParts.Run(command, Run);
    }

    private static int Run(ParseResult parsed)
    {
        var plan = Plan(parsed);
        var folder = VerbParts.Need(parsed, Out, "compare");
        using var interruption = new Interruption(
            "Stopping this run after its step; what has finished is kept. Interrupt again to end at once.");
        var comparison = Comparison.Run(
            plan, folder, new ProcessCells(interruption), new ConsoleObserver(parsed.GetValue(Quiet)), new CommandLineCaller("compare"));
        Show(comparison, parsed.GetValue(Json));
        if (comparison.Interrupted)
            Console.Error.WriteLine($"Interrupted; the same command goes on with the {comparison.Open} runs that are left.");
        return comparison.Interrupted ? ExitCode.Interrupted : comparison.Failures > 0 ? ExitCode.Failure : ExitCode.Success;
    }

    private static void Show(Comparison comparison, bool json)
    {
        if (json)
        {
            JsonOut.Write(comparison.Report);
            return;
        }
        SummaryTable.Of(comparison.Summaries).Write();
        var notes = new List<string>();
        if (comparison.Failures > 0) notes.Add($"{comparison.Failures} failed");
        if (comparison.LeftOut > 0) notes.Add($"{comparison.LeftOut} left out for want of time");
        var note = notes.Count == 0 ? "" : $"{string.Join(", ", notes)} (compare.json says why). ";
        Console.Out.WriteLine($"{note}Written to {comparison.Folder}: compare.json, summary.csv, cells.csv.");
    }

    private static ComparisonPlan Plan(ParseResult parsed)
    {
        var plan = parsed.GetValue(File) is { } file ? ComparisonPlan.Load(file) : new ComparisonPlan();
        if (parsed.GetValue(Base) is { } model) plan.Common["base_model"] = model;
        foreach (var text in parsed.GetValue(Set) ?? [])
        {
            var (name, value) = VerbParts.Pair(text, "num_train_epochs=1");
            plan.Common[name] = value;
        }
        if (parsed.GetValue(Data) is { Length: > 0 } data) plan = plan with { Datasets = [.. data.Select(Variant.Dataset)] };
        if (parsed.GetValue(Methods) is { } methods)
            plan = plan with { Methods = [.. Values.List(methods).Select(m => Variant.Method(m))] };
        if (parsed.GetValue(Seeds) is { } seeds)
            plan = plan with
            {
                Seeds =
                [
                    .. Values.List(seeds)
                        .Select(
                            s =>
                                ulong.TryParse(s, NumberStyles.None, CultureInfo.InvariantCulture, out var seed)
                                    ? seed
                                    : throw new UsageException($"--seeds holds \"{s}\"; expected whole numbers, such as 42,43,44.")),
                ],
            };
        if (parsed.GetValue(Rates) is { } rates)
            plan = plan with
            {
                Search = RateSearch.Over(
                    [.. Values.List(rates).Select(r => Number(r, Rates.Name))], plan.Search?.Take, plan.Search?.Epochs, Rates.Name),
            };
        if (parsed.GetValue(Budget) is { } budget) plan = plan with { Budget = Number(budget, Budget.Name) };
        plan.Common.Remove("data");
        if (plan.Budget is { } minutes && !(minutes > 0))
            throw new UsageException(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{(parsed.GetValue(Budget) is null ? $"{plan.Source}: \"budget_minutes\"" : Budget.Name)} is {minutes}; expected "
                    + $"minutes above 0."));
        if (plan.Seeds.Distinct().Count() != plan.Seeds.Count || plan.Seeds.Count == 0)
            throw new UsageException($"{Seeds.Name} needs one or more different numbers, such as 42,43,44.");
        if (plan.Methods.GroupBy(m => m.Name).FirstOrDefault(g => g.Count() > 1) is { } twice)
            throw new UsageException($"{Methods.Name} holds \"{twice.Key}\" twice; give each method once.");
        if (plan.Methods.Count == 0)
            throw new UsageException("peft compare needs --methods NAMES, or a plan with \"methods\"; \"peft methods\" lists them.");
        if (plan.Datasets.Count == 0) throw new UsageException("peft compare needs --data PATH, or a plan with \"datasets\".");
        return plan;
    }

    private static double Number(string text, string option) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value)
        ? value
        : throw new UsageException($"{option} holds \"{text}\"; expected numbers.");
}
