using System.CommandLine;
using System.Text.Json.Nodes;
using PeftSharp.Cli.Hub;
using PeftSharp.Cli.Models;
using PeftSharp.Cli.Terminal;
using PeftSharp.Files.Json;
using PeftSharp.Formats;
using PeftSharp.Hub;
using PeftSharp.Runs.Results;

namespace PeftSharp.Cli.Verbs;

/// <summary><c>peft push</c>: an adapter's or a model's folder to a repository of the hub.</summary>
internal static class PushVerb
{
    public static void Build(Command command)
    {
        var folder = new Argument<string>("folder") { Description = "The folder of an adapter or a model.", HelpName = "FOLDER" };
        var name = new Argument<string>("repository") { Description = "owner/name[@branch]; made where it is missing.", HelpName = "REPO" };
        var hidden = new Option<bool>("--private") { Description = "Make a new repository private." };
        var message = VerbParts.Text("--message", "TEXT", "Title of the commit.");
        var (revision, json) = (VerbParts.Revision(), VerbParts.Json());
        revision.Description = "Branch; made where it is missing. Default: main.";
        command.Add(folder);
        command.Add(name);
        foreach (var option in (Option[])[hidden, message, revision, json]) command.Add(option);
        HelpWithExamples.Add(
            command, "push runs/sst2 someone/sst2-lora --private", "push merged someone/bert-sst2 --message \"Merged\" --revision v2");
        VerbParts.Run(command, parsed => Run(
            parsed.GetValue(folder)!, HubRepository.Parse(parsed.GetValue(name)!, parsed.GetValue(revision)),
            new HubUploadOptions
            {
                Private = parsed.GetValue(hidden),
                Message = parsed.GetValue(message) is { Length: > 0 } text ? text : new HubUploadOptions().Message,
            },
            parsed.GetValue(json)));
    }

    private static int Run(string folder, HubRepository repository, HubUploadOptions options, bool json)
    {
        var run = RunFile.TryRead(folder);
        var files =
            HubUpload.FilesOf(folder).Select(f => f.Name == RunFile.Name ? HubUploadFile.Of(SharedRun.Of(run!), f.Name) : f).ToList();
        Remark(folder);
        var commit = Folders.Transfer(
            (progress, stop) => new HubUpload(HubSettings.FromEnvironment(), progress).PushAsync(repository, files, options, stop));
        var bytes = files.Sum(f => f.Bytes);
        if (json)
        {
            JsonOut.Write(new JsonObject
            {
                ["repository"] = repository.Id,
                ["revision"] = repository.Revision,
                ["commit"] = commit.Commit,
                ["url"] = commit.Url,
                ["bytes"] = bytes,
                ["files"] = JsonText.Texts(files.Select(f => f.Name)),
            });
        }
        else Console.Out.WriteLine($"{files.Count} files, {Figures.Bytes(bytes)}, in commit {commit.Commit} of {commit.Url}");
        return ExitCode.Success;
    }

    private static void Remark(string folder)
    {
        if (
            AdapterFolder.Is(folder)
                && AdapterFolder.Open(folder).Options.BaseModel is { } name
                && (Path.Exists(name) || HubRepository.TryParse(name) is null))
            Console.Error.WriteLine(
                $"The adapter names its base as {name}, a folder of this machine: whoever uses it has to give --base. Train with --base "
                + "owner/name to name it for all.");
    }
}
