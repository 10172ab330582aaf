using System.CommandLine;
using System.Text.Json.Nodes;
using PeftSharp.Cli.Terminal;
using PeftSharp.Files.Json;
using PeftSharp.Runs.Conformance;

namespace PeftSharp.Cli.Verbs;

/// <summary><c>peft conformance</c>: reference cases, each quantity with its largest error.</summary>
internal static class ConformanceVerb
{
    public static void Build(Command command)
    {
        var folders = new Argument<string[]>("dir")
        {
            Arity = ArgumentArity.OneOrMore,
            Description = "A case folder, or a folder of case folders.",
            HelpName = "DIR",
        };
        var json = VerbParts.Json();
        command.Add(folders);
        command.Add(json);
        HelpWithExamples.Add(command, "conformance fixtures/cases", "conformance fixtures/cases/bert-lora --json");
        VerbParts.Run(command, parsed => Run(parsed.GetValue(folders)!, parsed.GetValue(json)));
    }

    private static int Run(string[] folders, bool json)
    {
        var results = new List<ConformanceResult>();
        foreach (var folder in folders.SelectMany(Expand))
        {
            var result = RunCase(folder);
            results.Add(result);
            if (!json) Print(result);
        }
        var failed = results.Count(r => !r.Passed);
        if (json) JsonOut.Write(Document(results));
        else Console.Out.WriteLine($"{results.Count} cases, {results.Count - failed} passed, {failed} failed.");
        return failed == 0 ? ExitCode.Success : ExitCode.Failure;
    }

    private static IEnumerable<string> Expand(string folder)
    {
        if (!Directory.Exists(folder))
            throw new PeftException($"The folder {folder} does not exist; give a case folder, or a folder of them.");
        if (File.Exists(Path.Combine(folder, "case.json"))) return [folder];
        string[] children = [.. Directory.GetDirectories(folder).Order(StringComparer.Ordinal)];
        return children.Length > 0
            ? children
            : throw new PeftException(
                $"{folder} holds neither case.json nor folders, so there is nothing to compare; give a case folder, or a folder of them.");
    }

    // A case that this program cannot run has failed, whatever the reason.
    private static ConformanceResult RunCase(string folder)
    {
        try
        {
            return ConformanceRunner.Run(folder);
        }
        catch (Exception e)
        {
            return new(
                Path.GetFileName(Path.TrimEndingDirectorySeparator(folder)), [],
                $"unexpected {e.GetType().Name}: {e.Message.Split('\n')[0]}", 0);
        }
    }

    private static void Print(ConformanceResult result)
    {
        Console.Out.WriteLine($"{Verdict(result.Passed)} {result.Case}{(result.Failure is null ? "" : $": {result.Failure}")}");
        foreach (var quantity in result.Quantities)
            Console.Out.WriteLine($"     {Verdict(quantity.Passed)} {quantity.Name,-20} error {Figures.Small(quantity.Error),8}   "
                + $"tolerance {Figures.Small(quantity.Tolerance),8}   {quantity.Where}".TrimEnd());
        if (result.Failure is null && result.Quantities.Count == 0) Console.Out.WriteLine("     nothing was compared");
    }

    private static string Verdict(bool passed) => passed ? "pass" : "FAIL";

    private static JsonObject Document(List<ConformanceResult> results) => new()
    {
        ["passed"] = results.Count(r => r.Passed),
        ["failed"] = results.Count(r => !r.Passed),
        ["cases"] = new JsonArray([.. results.Select(r => (JsonNode)new JsonObject
        {
            ["case"] = r.Case,
            ["passed"] = r.Passed,
            ["failure"] = r.Failure,
            ["seconds"] = r.Seconds,
            ["quantities"] = new JsonArray([.. r.Quantities.Select(q => (JsonNode)new JsonObject
            {
                ["name"] = q.Name, ["error"] = JsonText.Number(q.Error), ["tolerance"] = q.Tolerance, ["passed"] = q.Passed,
                ["where"] = q.Where,
            })]),
        })]),
    };
}
