using PeftSharp.Hub;

namespace PeftSharp.Tests.Hub;

/// <summary>The cache by itself: as Python leaves it, without a network, and shared with others.</summary>
public sealed class HubCacheTests : HubTestBase
{
    private const string Commit = "0123456789abcdef0123456789abcdef01234567";

    private HubSettings Offline => Settings with { Offline = true };

    [Fact]
    public async Task A_cache_that_Python_made_is_read_without_a_request()
    {
        MakeAsPython("me/bert", Commit, "main", Model());
        var snapshot = await Get(settings: Offline);
        Assert.Equal(Commit, snapshot.Commit);
        Assert.Equal(["config.json", "model.safetensors", "vocab.txt"], snapshot.Files.Order(StringComparer.Ordinal));
        Assert.Equal(Bytes(1000), File.ReadAllBytes(Path.Combine(snapshot.Folder, "model.safetensors")));
        Assert.Equal(snapshot.Folder, (await Get($"me/bert@{Commit}", settings: Offline)).Folder);
        Assert.Empty(Hub.Requests);
    }

    [Fact]
    public async Task Shards_that_are_not_all_there_are_no_model()
    {
        var index = Text("{\"weight_map\":{\"a\":\"model-00001-of-00002.safetensors\",\"b\":\"model-00002-of-00002.safetensors\"}}");
        MakeAsPython(
            "me/big", Commit, "main", ("config.json", Text("{}")), ("model.safetensors.index.json", index),
            ("model-00001-of-00002.safetensors", Bytes(9)));
        await Fails(HubProblem.Offline, "not (or not whole) in the cache", "me/big", settings: Offline);
        MakeAsPython("me/big", Commit, "main", ("model-00002-of-00002.safetensors", Bytes(8)));
        Assert.Equal(4, (await Get("me/big", settings: Offline)).Files.Count);
    }

    [Fact]
    public async Task What_is_not_there_is_told_in_one_sentence()
    {
        await Fails(HubProblem.Offline, "HF_HUB_OFFLINE forbids the network", settings: Offline);
        MakeAsPython("me/bert", Commit, "main", ("config.json", Text("{}")));
        await Fails(HubProblem.Offline, "not (or not whole) in the cache", settings: Offline);
        MakeAsPython("me/bert", Commit, "main", ("pytorch_model.bin", Bytes(9)));
        await Fails(HubProblem.NothingUsable, "which can run code", settings: Offline);
        await Fails(HubProblem.Offline, "me/bert@v1 is not", "me/bert@v1", settings: Offline);
        File.WriteAllText(Path.Combine(Storage("me/bert"), "refs", "main"), "../../../../etc");
        await Fails(HubProblem.Offline, "is not (or not whole)", settings: Offline);
        Assert.Empty(Hub.Requests);
    }

    [Fact]
    public async Task A_blob_of_Python_is_linked_not_fetched()
    {
        var repo = Hub.Add("me/bert", Model());
        MakeAsPython("me/bert", Commit, "main", Model());
        var snapshot = await Get();
        Assert.Equal(repo.Head, snapshot.Commit);
        Assert.Empty(Hub.StorageRequests);
        Assert.Equal(Bytes(1000), File.ReadAllBytes(Path.Combine(snapshot.Folder, "model.safetensors")));
    }

    [Fact]
    public async Task A_link_to_nothing_is_put_right()
    {
        Hub.Add("me/bert", Model());
        var snapshot = await Get();
        File.Delete(Path.Combine(Storage("me/bert"), "blobs", LocalHub.Sha256(Bytes(1000))));
        await Fails(HubProblem.Offline, "not (or not whole)", settings: Offline);
        await Get();
        Assert.Equal(Bytes(1000), File.ReadAllBytes(Path.Combine(snapshot.Folder, "model.safetensors")));
    }

    [Fact]
    public async Task The_second_to_come_waits_for_the_first_and_uses_what_it_fetched()
    {
        Hub.Add("me/bert", Model());
        var sha = LocalHub.Sha256(Bytes(1000));
        var path = Path.Combine(Cache, ".locks", "models--me--bert", $"{sha}.lock");
        var other = await HubLock.TakeAsync(path, () => { }, CancellationToken.None);
        var waiting = Get();
        while (Seen.Notes.IsEmpty) await Task.Delay(50);
        Assert.False(waiting.IsCompleted);
        Assert.Contains("model.safetensors of me/bert is being fetched by another program", Seen.Notes.Single());
        Assert.DoesNotContain(Hub.StorageRequests, r => r.Method == "GET");
        File.WriteAllBytes(Path.Combine(Storage("me/bert"), "blobs", sha), Bytes(1000));
        other.Dispose();
        Assert.Equal(Bytes(1000), File.ReadAllBytes(Path.Combine((await waiting).Folder, "model.safetensors")));
        Assert.DoesNotContain(Hub.StorageRequests, r => r.Method == "GET");
        Assert.Equal(1000, Seen.Moved["model.safetensors"]);
    }

    [Fact]
    public async Task Many_at_once_fetch_each_file_once()
    {
        Hub.Add("me/bert", Model(200_000));
        var snapshots =
            await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => new HubDownload(Settings).GetAsync(HubRepository.Parse("me/bert"))));
        Assert.Single(snapshots.Select(s => s.Folder).Distinct());
        Assert.Single(Hub.StorageRequests, r => r.Method == "GET");
        Assert.Single(Hub.Requests, r => r.Method == "GET" && r.Path.EndsWith("/config.json", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_cache_that_cannot_be_written_is_told()
    {
        Hub.Add("me/bert", Model());
        File.WriteAllText(Cache, "a file where the folder should be");
        var e = await Assert.ThrowsAsync<PeftException>(() => Get());
        Assert.Contains("set HF_HUB_CACHE to another folder", e.Message);
    }

    // The layout that huggingface_hub writes: blobs by entity tag, relative links, a ref without a line end.
    private void MakeAsPython(string id, string commit, string branch, params (string Name, byte[] Content)[] files)
    {
        if (OperatingSystem.IsWindows()) Assert.Skip("Making links takes a right that tests may lack.");
        var snapshot = Path.Combine(Storage(id), "snapshots", commit);
        foreach (var folder in new[] { "blobs", "refs" }) Directory.CreateDirectory(Path.Combine(Storage(id), folder));
        Directory.CreateDirectory(snapshot);
        File.WriteAllText(Path.Combine(Storage(id), "refs", branch), commit);
        foreach (var (name, content) in files.Where(f => !f.Name.Contains('/')))
        {
            var etag = LocalHub.IsLarge(name) ? LocalHub.Sha256(content) : LocalHub.GitSha(content);
            File.WriteAllBytes(Path.Combine(Storage(id), "blobs", etag), content);
            File.CreateSymbolicLink(Path.Combine(snapshot, name), Path.Combine("..", "..", "blobs", etag));
        }
    }
}
