using System.CommandLine;
using PeftSharp.Cli.Training;
using PeftSharp.Cli.Training.Resume;
using PeftSharp.Runs;

namespace PeftSharp.Cli.Verbs;

/// <summary><c>peft train</c>: a dataset, a base and a method in; an adapter out.</summary>
internal static class TrainVerb
{
    public static void Build(Command command)
    {
        var recipe = VerbParts.Text("--recipe", "FILE", "A YAML file with these settings under their Hugging Face names (in brackets in this help) and the method's under their peft names; options win.");
        var set = new Option<string[]>("--set") { Description = "A setting of the method: NAME=VALUE, any that \"peft methods METHOD\" lists; may be given several times.", HelpName = "NAME=VALUE", AllowMultipleArgumentsPerToken = true };
        command.Add(recipe);
        command.Add(set);
        var options = TrainKeys.All.Select(key => (Key: key, Option: Create(key))).ToList();
        foreach (var (_, option) in options) command.Add(option);
        var quiet = new Option<bool>("--quiet") { Description = "No progress, no remarks." };
        var json = VerbParts.Json();
        command.Add(quiet);
        command.Add(json);
        HelpWithExamples.Add(command,
            "train --base models/bert-base --method lora --set r=16 lora_alpha=32 --data data/SST-2 --out runs/sst2",
            "train --base models/bert-base --method houlsby --data train.tsv --eval-data dev.tsv --text-column sentence --label-column label --epochs 5 --out runs/mine",
            "train --base models/bert-base --method lora --quantize nf4 --data data/CoLA --early-stopping 2 --out runs/cola",
            "train --recipe recipes/sst2-lora.yaml --seed 7 --out runs/seed7 --overwrite",
            "train --resume --out runs/seed7");
        VerbParts.Run(command, parsed => Run(parsed, recipe, set, options, parsed.GetValue(quiet), parsed.GetValue(json)));
    }

    private static Option Create(TrainKey key)
    {
        var help = $"{key.Help}. [{key.Key}]";
        return key.Value is null ? new Option<bool>(key.Option) { Description = help } : VerbParts.Text(key.Option, key.Value, help);
    }

    private static int Run(ParseResult parsed, Option<string> recipe, Option<string[]> set, List<(TrainKey Key, Option Option)> options, bool quiet, bool json)
    {
        var file = parsed.GetValue(recipe);
        TrainSettings Read(TrainSettings settings)
        {
            if (file is not null) Recipe.Apply(file, settings);
            foreach (var (key, option) in options)
            {
                if (parsed.GetResult(option) is not { Implicit: false }) continue;
                var text = option is Option<bool> flag ? (parsed.GetValue(flag) ? key.Switch : null) : parsed.GetValue((Option<string>)option);
                if (text is not null) key.Apply(settings, text, key.Option);
            }
            return settings;
        }
        var settings = Read(new());
        if (settings is { Resume: true, Out: { } folder })
        {
            // What is given now wins over what the run was started with; where it makes a difference, the checkpoint is refused.
            // A recipe that this program did not leave there is not even read.
            OutputFolder.Look(folder, Outputs.Options("train", false)).Dispose();
            var saved = new TrainSettings();
            if (SavedRecipe.TryApply(RunFolder.Of(folder), saved)) settings = Read(saved);
        }
        var changes = (parsed.GetValue(set) ?? []).Select(text => VerbParts.Pair(text, "r=16")).ToList();
        return new TrainRun(settings, file, changes, new Remarks(quiet), json).Run();
    }
}
