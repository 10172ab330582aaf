using System.CommandLine;
using System.Text.Json.Nodes;
using PeftSharp.Cli.Methods;
using PeftSharp.Cli.Terminal;
using PeftSharp.Files.Json;
using PeftSharp.Methods;
using PeftSharp.Runs.Recipes;

namespace PeftSharp.Cli.Verbs;

/// <summary><c>peft methods</c>: the registry as a table, and the settings of one method.</summary>
internal static class MethodsVerb
{
    public static void Build(Command command)
    {
        var name = new Argument<string?>("name")
        {
            Arity = ArgumentArity.ZeroOrOne,
            Description = "A method, an alias or a preset; without it, all methods are listed.",
            HelpName = "NAME",
        };
        var json = VerbParts.Json();
        command.Add(name);
        var markdown = new Option<bool>("--markdown") { Description = "Everything about every method as one page, docs/methods.md." };
        command.Add(json);
        command.Add(markdown);
        HelpWithExamples.Add(command, "methods", "methods lora", "methods houlsby --json", "methods --markdown > methods.md");
        VerbParts.Run(command, parsed => parsed.GetValue(markdown)
            ? Page(parsed.GetValue(name), parsed.GetValue(json))
            : Run(parsed.GetValue(name), parsed.GetValue(json)));
    }

    private static int Page(string? name, bool json)
    {
        if (name is not null || json)
            throw new UsageException("--markdown writes one page about all methods; leave out the name and --json.");
        Console.Out.Write(MethodPage.Write());
        return ExitCode.Success;
    }

    private static int Run(string? name, bool json)
    {
        if (name is not null) return One(name, json);
        if (json) JsonOut.Write(new JsonArray([.. MethodRegistry.All.Select(Describe)]));
        else Table();
        return ExitCode.Success;
    }

    private static void Table()
    {
        var grid = new Grid("method", "family", "where it acts", "mergeable", "neutral start", "aliases and presets", "paper");
        foreach (var method in MethodRegistry.All)
        {
            grid.Row(method.Name, Family(method), method.Sites, Yes(method.Mergeable), Yes(method.NeutralStart),
                string.Join(", ", method.Aliases.Concat(method.Presets.Keys)), method.Paper);
        }
        grid.Write();
        Screen.Say("Run \"peft methods NAME\" for the settings of one.");
    }

    private static int One(string name, bool json)
    {
        var options = MethodName.Options(name);
        var method = MethodRegistry.ByPeftType(options.PeftType)!;
        var settings = MethodSettings.Of(options, name);
        if (json)
        {
            var document = Describe(method);
            document["settings"] = new JsonArray([.. settings.Select(s => (JsonNode)new JsonObject
            {
                ["name"] = s.Name,
                ["default"] = MethodSettings.Value(options, s),
                ["help"] = MethodDocs.Of(s.Property),
            })]);
            JsonOut.Write(document);
            return ExitCode.Success;
        }
        Screen.Say($"{method.Name}: {method.Summary}");
        Screen.Say($"Formula: {method.Formula}.");
        Screen.Say(
            $"Family {Family(method)}; acts on {method.Sites}; {(method.Mergeable ? "mergeable" : "not mergeable")}; "
            + $"{(method.NeutralStart ? "starts neutral" : "does not start neutral")}; saved as {method.PeftType}.");
        Screen.Say($"Paper: {method.Paper}.");
        if (method.Aliases.Count + method.Presets.Count > 0)
            Screen.Say($"Aliases and presets: {string.Join(", ", method.Aliases.Concat(method.Presets.Keys))}.");
        Console.Out.WriteLine();
        var grid = new Grid("setting", "default", "help");
        foreach (var setting in settings)
            grid.Row(setting.Name, MethodSettings.Shown(options, setting), MethodDocs.Of(setting.Property));
        grid.Write();
        return ExitCode.Success;
    }

    private static JsonObject Describe(MethodInfo method) => new()
    {
        ["name"] = method.Name,
        ["family"] = Family(method),
        ["peft_type"] = method.PeftType,
        ["summary"] = method.Summary,
        ["formula"] = method.Formula,
        ["sites"] = method.Sites,
        ["paper"] = method.Paper,
        ["mergeable"] = method.Mergeable,
        ["neutral_start"] = method.NeutralStart,
        ["format"] = method.Format == AdapterFormat.Peft ? "peft" : "adapterhub",
        ["aliases"] = JsonText.Texts(method.Aliases),
        ["presets"] = JsonText.Texts(method.Presets.Keys),
    };

    private static string Family(MethodInfo method) => method.Family.ToString().ToLowerInvariant();

    private static string Yes(bool value) => value ? "yes" : "no";
}
