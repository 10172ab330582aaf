using System.CommandLine;
using System.Text.Json.Nodes;
using PeftSharp.Cli.Quickstart;
using PeftSharp.Cli.Terminal;
using PeftSharp.Runs;
using PeftSharp.Runs.Results;

namespace PeftSharp.Cli.Verbs;

/// <summary><c>peft quickstart</c>: a model, data and a training run that need nothing but the program.</summary>
internal static class QuickstartVerb
{
    private const string DefaultFolder = "peftsharp-quickstart";

    public static void Build(Command command)
    {
        var output = VerbParts.Text("--out", "FOLDER", $"Where the results go. Default: {DefaultFolder}.");
        var method = VerbParts.Text("--method", "NAME", "A method, an alias or a preset (\"peft methods\"). Default: lora.");
        var seed = VerbParts.Text("--seed", "N", "Seed of everything random. Default: 42.");
        var again = new Option<bool>("--again") { Description = "Train again, even if a finished run is there." };
        var steps = VerbParts.Text("--max-steps", "N", "Steps in place of whole epochs.");
        steps.Hidden = true;
        var json = VerbParts.Json();
        foreach (var option in new Option[] { output, method, seed, again, steps, json }) command.Add(option);
        HelpWithExamples.Add(command, "quickstart", "quickstart --method bitfit --out bitfit-run", "quickstart --again --seed 7");
        VerbParts.Run(command, parsed => Run(
            new QuickstartSettings(
                parsed.GetValue(output) ?? DefaultFolder, parsed.GetValue(method) ?? "lora",
                (ulong)(VerbParts.Whole(parsed, seed) ?? 42), VerbParts.Whole(parsed, steps, 1)),
            parsed.GetValue(again), parsed.GetValue(json)));
    }

    private static int Run(QuickstartSettings settings, bool again, bool json)
    {
        QuickstartFiles.Check();
        _ = settings.Training; // an unknown method is refused before anything else
        var fingerprint = QuickstartFiles.Fingerprint(settings.Key);
        var earlier = Earlier(settings.Out);
        var reused = !again && earlier is not null && (string?)earlier["fingerprint"] == fingerprint;
        if (reused) Console.Error.WriteLine($"This was done before: here are the results of {settings.Out} (--again trains again).");
        var document = reused ? earlier! : Train(settings, fingerprint, earlier is not null);
        if (!json) new QuickstartReport(document, settings.Out).Write();
        else
        {
            document["reused"] = reused;
            JsonOut.Write(document);
        }
        return ExitCode.Success;
    }

    private static JsonObject Train(QuickstartSettings settings, string fingerprint, bool replace)
    {
        // Only the results of an earlier quickstart are replaced.
        if (!replace && Directory.Exists(settings.Out) && Directory.EnumerateFileSystemEntries(settings.Out).Any())
            throw new UsageException($"--out {settings.Out} holds something other than a quickstart's results; choose another folder.");
        using var folder = OutputFolder.Plan(settings.Out, Outputs.Options("quickstart", replace), QuickstartFiles.Model);
        using var interruption = new Interruption();
        return new QuickstartRun(settings, new ConsoleObserver(quiet: false)).Run(fingerprint, folder, interruption.Token);
    }

    // The folder's run.json appears with the whole folder, so a run that is there is finished.
    private static JsonObject? Earlier(string folder) =>
        RunFile.TryRead(folder) is { } run && run.Json["quickstart"] is JsonValue marker && marker.TryGetValue<bool>(out var ours) && ours
            ? run.Json
            : null;
}
