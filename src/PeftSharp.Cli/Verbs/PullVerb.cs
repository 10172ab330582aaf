using System.CommandLine;
using System.Text.Json.Nodes;
using PeftSharp.Cli.Hub;
using PeftSharp.Cli.Terminal;
using PeftSharp.Files;
using PeftSharp.Files.Json;
using PeftSharp.Hub;
using PeftSharp.Runs;

namespace PeftSharp.Cli.Verbs;

/// <summary><c>peft pull</c>: a repository of the hub into the cache, or into a folder.</summary>
internal static class PullVerb
{
    public static void Build(Command command)
    {
        var name = new Argument<string>("repository") { Description = "owner/name[@revision]: a model or an adapter.", HelpName = "REPO" };
        var (revision, json) = (VerbParts.Revision(), VerbParts.Json());
        revision.Description = "Branch, tag or commit. Default: main.";
        var output = VerbParts.Text("--out", "FOLDER", "Write the files there too. Default: the cache that huggingface_hub uses too.");
        var overwrite = new Option<bool>("--overwrite") { Description = "Replace what an earlier run wrote there." };
        command.Add(name);
        foreach (var option in (Option[])[revision, output, overwrite, json]) command.Add(option);
        HelpWithExamples.Add(command, "pull google-bert/bert-base-uncased", "pull someone/sst2-lora --revision v1 --out adapters/sst2");
        VerbParts.Run(
            command,
            parsed =>
                Run(
                    HubRepository.Parse(parsed.GetValue(name)!, parsed.GetValue(revision)), parsed.GetValue(output),
                    parsed.GetValue(overwrite), parsed.GetValue(json)));
    }

    private static int Run(HubRepository repository, string? output, bool overwrite, bool json)
    {
        using var target = output is null
            ? null
            : OutputFolder.Plan(output, Outputs.Options("pull", overwrite), HubSettings.FromEnvironment().CacheFolder);
        var snapshot = Folders.Transfer(
            (progress, stop) => new HubDownload(HubSettings.FromEnvironment(), progress).GetAsync(repository, HubContent.Any, stop));
        var bytes = snapshot.Files.Sum(file => FileSize.Of(Path.Combine(snapshot.Folder, file)));
        if (target is not null)
        {
            target.Protect(snapshot.Folder);
            target.Create();
            foreach (var file in snapshot.Files) File.Copy(Path.Combine(snapshot.Folder, file), Path.Combine(target.Aside, file));
            target.Finish();
        }
        var folder = output ?? snapshot.Folder;
        if (json)
        {
            JsonOut.Write(new JsonObject
            {
                ["repository"] = repository.Id,
                ["revision"] = repository.Revision,
                ["commit"] = snapshot.Commit,
                ["folder"] = folder,
                ["bytes"] = bytes,
                ["files"] = JsonText.Texts(snapshot.Files),
            });
        }
        else Console.Out.WriteLine(
            $"{repository.Id} at commit {snapshot.Commit}: {snapshot.Files.Count} files, {Figures.Bytes(bytes)}, in {folder}");
        return ExitCode.Success;
    }
}
