using System.Text.Json.Nodes;
using PeftSharp.Tests.Hub;

namespace PeftSharp.Tests.Cli;

/// <summary>The real program against a hub on this machine: names instead of folders, in every verb.</summary>
public sealed class HubVerbsTests(CliFolder folder) : IClassFixture<CliFolder>, IDisposable
{
    private readonly LocalHub _hub = new();
    private readonly string _home = Directory.CreateTempSubdirectory("peftsharp-hub-").FullName;

    public void Dispose()
    {
        _hub.Dispose();
        Directory.Delete(_home, recursive: true);
    }

    [Fact]
    public void A_base_of_the_hub_is_trained_on_and_remembered_by_its_name()
    {
        _hub.Add("me/tiny", Files(folder.Model));
        var run = folder.File_("hub-run");
        var result = Hub(
            "train", "--base", "me/tiny", "--method", "lora", "--data", folder.Train, "--eval-data", folder.Dev, "--epochs", "1",
            "--compute", "fp32", "--out", run).Succeeds();
        // Silent in a pipe.
        Assert.DoesNotContain("model.safetensors", result.Error);
        var config = JsonNode.Parse(File.ReadAllText(Path.Combine(run, "adapter_config.json")))!;
        Assert.Equal("me/tiny", (string?)config["base_model_name_or_path"]);
        Assert.Null(config["revision"]);
        var document = JsonNode.Parse(File.ReadAllText(Path.Combine(run, "run.json")))!;
        Assert.Equal(
            ("me/tiny", _hub["me/tiny"].Head),
            ((string?)document["settings"]!["base_model"], (string?)document["settings"]!["model_commit"]));
        // The adapter names its base, and the cache has it: no --base, no network.
        var offline = HubWith(
            [("HF_HUB_OFFLINE", "1"), ("HF_ENDPOINT", "http://127.0.0.1:9")], "eval", "--adapter", run, "--data", folder.Dev,
            "--json").Succeeds();
        Assert.Equal((double)document["metrics"]!["accuracy"]!, (double)offline.Json["metrics"]!["accuracy"]!, 6);
        Assert.Contains("base: me/tiny, as the adapter", offline.Error);

        // Up, down, and used by name.
        var pushed = Hub("push", run, "me/lora", "--private", "--message", "A tiny adapter", "--json").Succeeds().Json;
        Assert.Equal(_hub["me/lora"].Head, (string?)pushed["commit"]);
        Assert.Equal("A tiny adapter", _hub["me/lora"].Title);
        var files = _hub["me/lora"].Commits[_hub["me/lora"].Head];
        Assert.Equal(File.ReadAllBytes(Path.Combine(run, "adapter_model.safetensors")), files["adapter_model.safetensors"]);
        Assert.DoesNotContain(folder.Root, System.Text.Encoding.UTF8.GetString(files["run.json"]));
        var named = Hub("predict", "--adapter", "me/lora", "--text", "the film is good").Succeeds();
        var local = Peft.RunAlone("predict", "--base", folder.Model, "--adapter", run, "--text", "the film is good").Succeeds();
        Assert.Equal(local.Output, named.Output);
        Assert.Contains("verified: ", Hub("verify", "me/lora").Succeeds().Output); // the proof travels along
        var merged = folder.File_("hub-merged");
        Hub("merge", "--base", "me/tiny", "--adapter", "me/lora@main", "--out", merged).Succeeds();
        Assert.True(File.Exists(Path.Combine(merged, "model.safetensors")));
    }

    [Fact]
    public void A_repository_is_pulled_into_the_cache_or_a_folder_at_any_revision()
    {
        var repo = _hub.Add("me/tiny", Files(folder.Model));
        var old = repo.Head;
        repo.Commit("main", Files(folder.Model).ToDictionary(f => f.Name, f => f.Name == "vocab.txt" ? "[PAD]\n"u8.ToArray() : f.Content));
        var result = Hub("pull", "me/tiny", "--json").Succeeds().Json;
        Assert.Equal(Path.Combine(_home, "hub", "models--me--tiny", "snapshots", repo.Head), (string?)result["folder"]);
        var target = folder.File_("pulled");
        Hub("pull", "me/tiny", "--revision", old, "--out", target).Succeeds();
        foreach (var (name, content) in Files(folder.Model)) Assert.Equal(content, File.ReadAllBytes(Path.Combine(target, name)));
        Assert.Null(new FileInfo(Path.Combine(target, "model.safetensors")).LinkTarget);
        var info = Hub("info", $"me/tiny@{old}", "--json").Succeeds().Json;
        Assert.Equal(("model", "bert"), ((string?)info["kind"], (string?)info["architecture"]));
        Hub("quantize", "--base", "me/tiny", "--revision", old, "--out", folder.File_("hub-nf4")).Succeeds();
    }

    [Fact]
    public void What_exists_here_wins_and_what_looks_like_a_path_stays_one()
    {
        Assert.Contains("The model folder ./me/tiny does not exist", Hub("predict", "--base", "./me/tiny", "--text", "x").Fails(1));
        Assert.Contains("--revision is \"v1\", but", Hub("predict", "--base", folder.Model, "--revision", "v1", "--text", "x").Fails(2));
        Assert.Empty(_hub.Requests);
        Assert.Contains("There is no folder me/none, and", Hub("predict", "--base", "me/none", "--text", "x").Fails(1));
        Assert.Contains(
            "HF_HUB_OFFLINE forbids the network",
            HubWith([("HF_HUB_OFFLINE", "1")], "predict", "--base", "me/none", "--text", "x").Fails(1));
        Assert.Contains("is no name of a repository", Hub("pull", "../x").Fails(1));
        Assert.Contains("needs a token", HubWith([("HF_TOKEN", null)], "push", folder.Model, "me/x").Fails(1));
    }

    private Peft.Result Hub(params string[] args) => HubWith([], args);

    private Peft.Result HubWith((string Name, string? Value)[] more, params string[] args)
    {
        var environment = new Dictionary<string, string?>
        {
            ["HF_ENDPOINT"] = _hub.Url,
            ["HF_HOME"] = _home,
            ["HF_TOKEN"] = LocalHub.Token,
            ["HF_HUB_CACHE"] = null,
            ["HUGGINGFACE_HUB_CACHE"] = null,
            ["HF_HUB_OFFLINE"] = null,
        };
        foreach (var (name, value) in more) environment[name] = value;
        return Peft.RunIn(environment, args);
    }

    private static (string Name, byte[] Content)[] Files(string folder) =>
        [.. Directory.GetFiles(folder).Select(f => (Path.GetFileName(f), File.ReadAllBytes(f)))];
}
