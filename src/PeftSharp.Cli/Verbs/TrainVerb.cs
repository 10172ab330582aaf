using System.CommandLine;
using PeftSharp.Cli.Terminal;
using PeftSharp.Cli.Training;
using PeftSharp.Runs;
using PeftSharp.Runs.Recipes;
using PeftSharp.Runs.Training;

namespace PeftSharp.Cli.Verbs;

/// <summary><c>peft train</c>: a dataset, a base and a method in; an adapter out.</summary>
internal static class TrainVerb
{
    public static void Build(Command command)
    {
        var recipe = VerbParts.Text(
            "--recipe", "FILE",
            "A YAML file with these settings under their Hugging Face names (in brackets in this help) and the method's under their peft "
            + "names; options win.");
        var set = new Option<string[]>("--set")
        {
            Description = "A setting of the method: NAME=VALUE, any that \"peft methods METHOD\" lists; may be given several times.",
            HelpName = "NAME=VALUE",
            AllowMultipleArgumentsPerToken = true,
        };
        command.Add(recipe);
        command.Add(set);
        var options = TrainKeys.All.Select(key => (Key: key, Option: VerbParts.Of(key))).ToList();
        foreach (var (_, option) in options) command.Add(option);
        var quiet = new Option<bool>("--quiet") { Description = "No progress, no remarks." };
        var json = VerbParts.Json();
        command.Add(quiet);
        command.Add(json);
        HelpWithExamples.Add(command,
            "train --base models/bert-base --method lora --set r=16 lora_alpha=32 --data data/SST-2 --out runs/sst2",
            "train --base models/bert-base --method houlsby --data train.tsv --eval-data dev.tsv --text-column sentence --label-column "
            + "label --epochs 5 --out runs/mine",
            "train --base models/bert-base --method lora --quantize nf4 --data data/CoLA --early-stopping 2 --out runs/cola",
            "train --base models/bert-base --method lora --tasks sst2=data/SST-2,mrpc=data/MRPC --sampling-temperature 2 --out runs/both",
            "train --recipe recipes/sst2-lora.yaml --seed 7 --out runs/seed7 --overwrite",
            "train --resume --out runs/seed7");
        VerbParts.Run(command, parsed => Run(parsed, recipe, set, options, parsed.GetValue(quiet), parsed.GetValue(json)));
    }

    private static int Run(
        ParseResult parsed, Option<string> recipe, Option<string[]> set, List<(TrainKey Key, Option Option)> options, bool quiet, bool json)
    {
        // What is given now wins over what a run that is gone on with was started with.
        var run = FineTuning.For(new CommandLineCaller("train")).AsStarted();
        if (parsed.GetValue(recipe) is { } file) run = run.FromRecipe(file);
        foreach (var (key, option) in options)
            if (VerbParts.Given(parsed, key, option) is { } text) run = run.Set(key.Key, text);
        foreach (var text in parsed.GetValue(set) ?? [])
        {
            var (name, value) = VerbParts.Pair(text, "r=16");
            run = run.SetMethod(name, value);
        }
        return Train(run, quiet, json);
    }

    private static int Train(FineTuning run, bool quiet, bool json)
    {
        var dryRun = run.IsDryRun;
        if (dryRun && run.IsResumed) throw new UsageException("--dry-run tells of a run from its start; leave out --resume.");
        using var interruption = new Interruption();
        var observer = new ConsoleObserver(quiet, json);
        if (!dryRun) return Report(run.Run(observer, interruption.Token), quiet, json);
        var dry = run.Try(observer, interruption.Token);
        if (json) JsonOut.Write(dry.Report);
        else new DryRunReport(dry).Write();
        foreach (var warning in dry.Warnings) Console.Error.WriteLine($"warning: {warning}");
        return ExitCode.Success;
    }

    private static int Report(Run run, bool quiet, bool json)
    {
        if (json) JsonOut.Write(run.Report);
        if (run.WasFinished) return ExitCode.Success;
        var result = run.Result;
        if (!json)
        {
            if (run.Scores is { } scores) ScoreTable.Of(scores).Write();
            var steps = result.Steps == 1 ? "1 step" : $"{result.Steps} steps";
            var written = run.Tasks.Count == 0 ? "adapter written to" : $"adapters of {string.Join(", ", run.Tasks)} written to";
            Console.Out.WriteLine($"{steps} in {Figures.Time(TimeSpan.FromSeconds(result.Seconds))}; {written} {run.Folder}");
        }
        if (run.Interrupted)
        {
            var next = run.CanGoOn ? $"; go on with: peft train --resume --out {run.Folder}" : ".";
            Console.Error.WriteLine(
                $"Interrupted after step {result.Steps} of {run.Curves.TotalSteps}; the adapter as it was then is in {run.Folder}{next}");
        }
        if (run.LearningRemark is { } learning && !quiet) Console.Error.WriteLine($"remark: {learning}");
        return run.Interrupted ? ExitCode.Interrupted : ExitCode.Success;
    }
}
