using PeftSharp.Hub;

namespace PeftSharp.Tests.Hub;

/// <summary>A hub that behaves: what is fetched, from where, with which headers, and how it lies in the cache.</summary>
public sealed class HubDownloadTests : HubTestBase
{
    [Fact]
    public async Task A_model_lies_in_the_cache_as_huggingface_hub_lays_it()
    {
        var commit = Hub.Add("me/bert", Model()).Head;
        var snapshot = await Get();
        Assert.Equal(commit, snapshot.Commit);
        Assert.Equal(Path.Combine(Storage("me/bert"), "snapshots", commit), snapshot.Folder);
        Assert.Equal(commit, File.ReadAllText(Path.Combine(Storage("me/bert"), "refs", "main")));
        // Only what is read: no pickle, no README, no other framework's files.
        Assert.Equal(
            ["config.json", "model.safetensors", "vocab.txt"],
            Directory.GetFiles(snapshot.Folder).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        foreach (var (name, content) in Model().Where(f => snapshot.Files.Contains(f.Item1)))
        {
            var etag = LocalHub.IsLarge(name) ? LocalHub.Sha256(content) : LocalHub.GitSha(content);
            var file = new FileInfo(Path.Combine(snapshot.Folder, name));
            Assert.Equal(content, File.ReadAllBytes(file.FullName));
            Assert.Equal(content, File.ReadAllBytes(Path.Combine(Storage("me/bert"), "blobs", etag)));
            Assert.Equal(Path.Combine("..", "..", "blobs", etag), file.LinkTarget);
            Assert.True(File.Exists(Path.Combine(Cache, ".locks", "models--me--bert", $"{etag}.lock")));
            Assert.Equal(content.Length, Seen.Moved[name]);
            Assert.Equal(content.Length, Seen.Sizes[name]);
        }
    }

    [Fact]
    public async Task What_is_there_is_not_fetched_again_and_a_new_commit_shares_its_blobs()
    {
        var repo = Hub.Add("me/bert", Model());
        await Get();
        var before = Hub.Requests.Count;
        await Get();
        // The commit of main, and its files.
        Assert.Equal(2, Hub.Requests.Count - before);
        repo.Commit("main", Model().ToDictionary(f => f.Item1, f => f.Item1 == "vocab.txt" ? Text("new") : f.Item2));
        var large = Hub.StorageRequests.Count;
        var snapshot = await Get();
        Assert.Equal("new", File.ReadAllText(Path.Combine(snapshot.Folder, "vocab.txt")));
        Assert.Equal(Bytes(1000), File.ReadAllBytes(Path.Combine(snapshot.Folder, "model.safetensors")));
        Assert.Equal(large, Hub.StorageRequests.Count);
        Assert.Equal(repo.Head, File.ReadAllText(Path.Combine(Storage("me/bert"), "refs", "main")));
        Assert.Equal(2, Directory.GetDirectories(Path.Combine(Storage("me/bert"), "snapshots")).Length);
    }

    [Fact]
    public async Task Branches_tags_and_commits_are_revisions()
    {
        var repo = Hub.Add("me/bert", Model());
        var old = repo.Head;
        repo.Commit("refs/pr/1", Model(2000).ToDictionary(f => f.Item1, f => f.Item2));
        Assert.Equal(
            2000,
            new FileInfo(
                Path.Combine((await Get("me/bert@refs/pr/1")).Folder, "model.safetensors")).ResolveLinkTarget(true) is FileInfo blob
                ? blob.Length
                : 0);
        Assert.Equal(repo.Branches["refs/pr/1"], File.ReadAllText(Path.Combine(Storage("me/bert"), "refs", "refs", "pr", "1")));
        repo.Commit("main", Model(3000).ToDictionary(f => f.Item1, f => f.Item2));
        Assert.Equal(old, (await Get($"me/bert@{old}")).Commit);
        Assert.False(File.Exists(Path.Combine(Storage("me/bert"), "refs", old)));
        await Fails(HubProblem.NoRevision, "has no revision \"v9\"", "me/bert@v9");
    }

    [Fact]
    public async Task Shards_are_those_of_the_index_and_at_most_four_move_at_once()
    {
        var shards = Enumerable.Range(1, 9).Select(i => ($"model-0000{i}-of-00009.safetensors", Bytes(5000, i))).ToArray();
        var map = string.Join(',', shards.Select((s, i) => $"\"layer.{i}\":\"{s.Item1}\""));
        Hub.Add(
            "me/big",
            [
                ("config.json", Text("{}")), ("model.safetensors.index.json", Text($"{{\"metadata\":{{}},\"weight_map\":{{{map}}}}}")),
                .. shards, ("model-00010-of-00009.safetensors", Bytes(9)),
            ]);
        Hub.PageSize = 3; // the list comes in pages
        var (now, most, all) = (0, 0, new SemaphoreSlim(0));
        Hub.InterceptStorage = request =>
        {
            var count = Interlocked.Increment(ref now);
            lock (all) most = Math.Max(most, count);
            // Whoever comes waits until four are there, and the fourth a little longer, so that a fifth would be seen.
            if (count == 4)
            {
                Thread.Sleep(200);
                all.Release(9);
            }
            all.Wait(TimeSpan.FromSeconds(10));
            Interlocked.Decrement(ref now);
            return null;
        };
        var snapshot = await Get("me/big", settings: Settings with { Timeout = TimeSpan.FromSeconds(30) });
        Assert.Equal(4, most);
        foreach (var (name, content) in shards) Assert.Equal(content, File.ReadAllBytes(Path.Combine(snapshot.Folder, name)));
        Assert.Equal(11, snapshot.Files.Count);
        Assert.DoesNotContain(Directory.GetFiles(snapshot.Folder), f => f.Contains("00010"));
    }

    [Fact]
    public async Task The_token_goes_to_the_hub_and_to_nobody_else()
    {
        var repo = Hub.Add("me/secret", Model());
        repo.Private = true;
        await Fails(HubProblem.NoRepository, "or it is private", "me/secret");
        await Fails(HubProblem.Denied, "refuses the token", "me/secret", settings: Settings with { Token = "hf_wrong" });
        await Get("me/secret", settings: Settings with { Token = LocalHub.Token });
        Assert.NotEmpty(Hub.StorageRequests);
        Assert.All(Hub.StorageRequests, r => Assert.Null(r.Header("Authorization")));
        Assert.All(Hub.Requests.TakeLast(5), r => Assert.Equal($"Bearer {LocalHub.Token}", r.Header("Authorization")));
    }

    [Fact]
    public async Task A_renamed_repository_is_followed_and_the_token_with_it()
    {
        Hub.Add("me/renamed", Model()).Private = true;
        Hub.Intercept = r =>
            r.Target.Contains("me/old") ? RawReply.Empty(307, ("Location", r.Target.Replace("me/old", "me/renamed"))) : null;
        var snapshot = await Get("me/old", settings: Settings with { Token = LocalHub.Token });
        Assert.Contains("models--me--old", snapshot.Folder);
        Assert.Equal(Bytes(1000), File.ReadAllBytes(Path.Combine(snapshot.Folder, "model.safetensors")));
    }

    [Fact]
    public async Task Refusals_say_what_to_do()
    {
        Hub.Add("me/gated", Model()).Gated = true;
        await Fails(HubProblem.Gated, $"accept its terms at {Hub.Url}/me/gated", "me/gated");
        await Fails(HubProblem.NoRepository, "has no repository me/nothing", "me/nothing");
        await Fails(
            HubProblem.NoRepository, "has no repository me/nothing", "me/nothing", settings: Settings with { Token = LocalHub.Token });
        Hub.Add("me/pickle", ("config.json", Text("{}")), ("pytorch_model.bin", Bytes(9)));
        await Fails(HubProblem.NothingUsable, "pytorch_model.bin), which can run code", "me/pickle");
        Hub.Add("me/lora-pickle", ("adapter_config.json", Text("{}")), ("adapter_model.bin", Bytes(9)));
        await Fails(HubProblem.NothingUsable, "adapter_model.bin), which can run code", "me/lora-pickle");
        Hub.Add("me/gguf", ("config.json", Text("{}")), ("x.gguf", Bytes(9)));
        await Fails(HubProblem.NothingUsable, "has no model.safetensors", "me/gguf");
        Hub.Add("me/lora", ("adapter_config.json", Text("{}")), ("adapter_model.safetensors", Bytes(9)), ("README.md", Bytes(3)));
        await Fails(HubProblem.NothingUsable, "holds an adapter, not a model", "me/lora", HubContent.Model);
        Hub.Add("me/bert", Model());
        await Fails(HubProblem.NothingUsable, "has no adapter_config.json", "me/bert", HubContent.Adapter);
        Assert.Equal(["adapter_config.json", "adapter_model.safetensors"], (await Get("me/lora")).Files);
        Assert.Empty(Directory.GetFiles(Cache, "*.bin", SearchOption.AllDirectories));
    }

    [Fact]
    public async Task Where_links_cannot_be_made_the_files_themselves_stand_in_the_snapshot()
    {
        Hub.Add("me/bert", Model());
        var plain = Settings with { Symlinks = false };
        var snapshot = await Get(settings: plain);
        Assert.All(snapshot.Files, f => Assert.Null(new FileInfo(Path.Combine(snapshot.Folder, f)).LinkTarget));
        Assert.Equal(Bytes(1000), File.ReadAllBytes(Path.Combine(snapshot.Folder, "model.safetensors")));
        var before = Hub.StorageRequests.Count;
        await Get(settings: plain);
        Assert.Equal(before, Hub.StorageRequests.Count);
        Assert.Equal(snapshot.Folder, (await Get(settings: plain with { Offline = true })).Folder);
    }
}
