using System.CommandLine;
using System.Text.Json.Nodes;
using PeftSharp.Cli.Hub;
using PeftSharp.Cli.Models;
using PeftSharp.Cli.Terminal;
using PeftSharp.Files.Json;
using PeftSharp.Runs;
using PeftSharp.Runs.Proof;
using PeftSharp.Runs.Recipes;
using PeftSharp.Runs.Results;

namespace PeftSharp.Cli.Verbs;

/// <summary><c>peft info</c>: what a folder or a file is.</summary>
internal static class InfoVerb
{
    private const int LabelWidth = 20;

    public static void Build(Command command)
    {
        var paths = new Argument<string[]>("path")
        {
            Arity = ArgumentArity.ZeroOrMore,
            Description = "A model folder, an adapter folder, several adapters as an expression, a safetensors file, or "
                + "owner/name[@revision] of the hub.",
            HelpName = "PATH",
        };
        var (basis, revision, json) = (VerbParts.Base(), VerbParts.Revision(), VerbParts.Json());
        basis.Description = "The base model of an adapter: adds the line of trainable parameters.";
        var tensors = new Option<bool>("--tensors") { Description = "List every tensor." };
        command.Add(paths);
        command.Add(basis);
        command.Add(revision);
        var config = VerbParts.Text(
            "--config", "FILE", "The config.json of a model whose weights need not be there: counts what --method would train.");
        var method = VerbParts.Text("--method", "NAME", "With --config: a method, an alias or a preset (\"peft methods\").");
        var set = new Option<string[]>("--set")
        {
            Description = "With --method: a setting of it, NAME=VALUE; may be given several times.",
            HelpName = "NAME=VALUE",
            AllowMultipleArgumentsPerToken = true,
        };
        command.Add(tensors);
        command.Add(config);
        command.Add(method);
        command.Add(set);
        command.Add(json);
        HelpWithExamples.Add(
            command, "info models/bert-base", "info runs/sst2 --base models/bert-base", "info model.safetensors --tensors --json",
            "info --config Llama-2-7b/config.json --method lora --set r=8");
        VerbParts.Run(command, parsed =>
        {
            var named = parsed.GetValue(paths) ?? [];
            if (parsed.GetValue(config) is not { } file)
            {
                if (named.Length == 0) throw new UsageException("peft info needs a PATH, or --config FILE; see \"peft info --help\".");
                if (parsed.GetValue(method) is not null || parsed.GetValue(set) is { Length: > 0 })
                    throw new UsageException(
                        "--method and --set count what a method would train on a model without weights; give its configuration "
                        + "with --config.");
                return Run(named, parsed.GetValue(basis), parsed.GetValue(revision), parsed.GetValue(tensors), parsed.GetValue(json));
            }
            if (named.Length > 0) throw new UsageException("peft info reads a PATH or --config FILE, not both.");
            ShapeReport.Print(file, parsed.GetValue(method), parsed.GetValue(set) ?? [], parsed.GetValue(json));
            return ExitCode.Success;
        });
    }

    private static int Run(string[] paths, string? basis, string? revision, bool tensors, bool json)
    {
        if (basis is not null) basis = Folders.Find("info", folders => folders.Base(basis, revision)).Folder;
        var documents =
            paths.Select(path => Document(path, basis, tensors)).ToList();
        if (json) JsonOut.Write(documents.Count == 1 ? documents[0] : new JsonArray([.. documents]));
        else
            foreach (var document in documents) Print(document);
        return ExitCode.Success;
    }

    private static LoadedModel Open(string basis, string adapter) => ModelOpener.Open(basis, adapter, proof: ProofUse.Warn);

    private static JsonObject Document(string path, string? basis, bool tensors)
    {
        if (ComposedFolders.TryRead(path) is null)
            return Description.Of(Folders.Find("info", folders => folders.Any(path)).Folder, basis, tensors, Open);
        var composed = ComposedFolders.TryRead(Folders.Find("info", folders => folders.Adapters(path)).Folder)!;
        return Description.Of(path, composed, basis, tensors, Open);
    }

    private static void Print(JsonObject document)
    {
        foreach (var (key, value) in document)
        {
            if (key == Description.Parts) continue;
            if (key is "tensors" && value is JsonArray list) Tensors(list);
            else if (key == "parameters") continue;
            else if (value is JsonObject inner)
                Screen.Say($"{Label(key)}{string.Join(", ", inner.Where(p => p.Value is not null).Select(Pair))}", LabelWidth);
            else if (value is not null) Screen.Say($"{Label(key)}{Plain(value)}", LabelWidth);
        }
        if (document["parameters"] is JsonObject parameters)
            foreach (
                var line in new ParameterCount(
                    (long)parameters["trainable"]!, (long)parameters["all"]!, (long)parameters["head"]!,
                    (long)parameters["all_head"]!).Lines)
                Console.Out.WriteLine(line);
        Console.Out.WriteLine();
        foreach (var part in document[Description.Parts]?.AsArray() ?? []) Print((JsonObject)part!);
    }

    private static void Tensors(JsonArray tensors)
    {
        var grid = new Grid("tensor", "type", "shape", ">elements");
        foreach (var t in tensors.OfType<JsonObject>())
            grid.Row(t["name"]!.ToString(), t["dtype"]!.ToString(), t["shape"]!.ToJsonString(), Figures.Count((long)t["elements"]!));
        grid.Write();
    }

    private static string Pair(KeyValuePair<string, JsonNode?> field) =>
        $"{Printable.Cut(field.Key, 200)}={(field.Value is JsonArray list ? MethodSettings.Shown(list) : Plain(field.Value!))}";

    private static string Label(string key) => $"{key.Replace('_', ' ')}:".PadRight(LabelWidth);

    private static string Plain(JsonNode? value) => value switch
    {
        JsonArray list => string.Join(", ", list.Select(Plain)),
        JsonValue number when number.TryGetValue<long>(out var count) => Figures.Count(count),
        null => "null",
        JsonObject => JsonText.Line(value),
        _ => Printable.Cut(value.ToString(), 2000),
    };
}
