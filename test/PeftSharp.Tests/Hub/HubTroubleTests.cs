using PeftSharp.Hub;

namespace PeftSharp.Tests.Hub;

/// <summary>A hub, or a network, that does not behave.</summary>
public sealed class HubTroubleTests : HubTestBase
{
    private const int Size = 300_000;

    private static readonly string Sha = LocalHub.Sha256(Bytes(Size));

    private string Part => Path.Combine(Storage("me/bert"), "blobs", $"{Sha}.incomplete");

    [Fact]
    public async Task A_broken_transfer_goes_on_where_it_broke()
    {
        Hub.Add("me/bert", Model(Size));
        Hub.InterceptStorage = r => new(200, Bytes(Size)) { CutAt = 100_000 };
        await Fails(HubProblem.Unreachable, "breaks off after 100,000 of 300,000 bytes", settings: Settings with { Attempts = 1 });
        Assert.Equal(100_000, new FileInfo(Part).Length);
        Assert.False(File.Exists(Path.Combine(Storage("me/bert"), "refs", "main")));
        Hub.InterceptStorage = null;
        var snapshot = await Get();
        Assert.Equal("bytes=100000-", Hub.StorageRequests[^1].Header("Range"));
        Assert.Equal(Bytes(Size), File.ReadAllBytes(Path.Combine(snapshot.Folder, "model.safetensors")));
        Assert.False(File.Exists(Part));
    }

    [Fact]
    public async Task Many_breaks_are_overcome_as_long_as_something_arrives()
    {
        Hub.Add("me/bert", Model(Size));
        Hub.InterceptStorage = r => LocalHub.Part(r, Bytes(Size)) with { CutAt = (int)Math.Min(40_000, Size - r.From) };
        var snapshot = await Get(settings: Settings with { Attempts = 2 });
        Assert.Equal(Bytes(Size), File.ReadAllBytes(Path.Combine(snapshot.Folder, "model.safetensors")));
        Assert.Equal(
            [0, 40_000, 80_000, 120_000, 160_000, 200_000, 240_000, 280_000],
            Hub.StorageRequests.Where(r => r.Method == "GET").Select(r => r.From));
        Assert.Equal(Size, Seen.Moved["model.safetensors"]);
    }

    [Fact]
    public async Task A_server_without_ranges_sends_all_again()
    {
        Hub.Add("me/bert", Model(Size));
        Leave(Bytes(Size)[..50_000]);
        Hub.InterceptStorage = r => new(200, Bytes(Size));
        var snapshot = await Get();
        Assert.Equal(Bytes(Size), File.ReadAllBytes(Path.Combine(snapshot.Folder, "model.safetensors")));
        Assert.Equal(Size, Seen.Moved["model.safetensors"]);
    }

    [Theory]
    [InlineData(50_000)]
    [InlineData(Size)]
    [InlineData(Size + 5)]
    public async Task A_part_of_something_else_is_found_out_and_fetched_anew(int left)
    {
        Hub.Add("me/bert", Model(Size));
        Leave(Bytes(left, seed: 9));
        var snapshot = await Get();
        Assert.Equal(Bytes(Size), File.ReadAllBytes(Path.Combine(snapshot.Folder, "model.safetensors")));
        Assert.Equal(Size, Seen.Moved["model.safetensors"]);
        Assert.False(File.Exists(Part));
    }

    [Fact]
    public async Task A_wrong_checksum_is_refused_and_nothing_of_it_is_kept()
    {
        Hub.Add("me/bert", Model(Size));
        Hub.InterceptStorage = r => new(200, Bytes(Size, seed: 2));
        await Fails(HubProblem.BadAnswer, $"another checksum than {Sha}");
        Assert.False(File.Exists(Part));
        Assert.False(File.Exists(Part.Replace(".incomplete", "")));
        Hub.InterceptStorage = null;
        Hub.Add("me/other", Model());
        Hub.Intercept = r =>
            r.Method == "GET" && r.Path.EndsWith("/config.json", StringComparison.Ordinal)
                ? new(200, Text("{\"model_type\":\"evil\"}"))
                : null;
        await Fails(HubProblem.BadAnswer, "config.json of me/other arrived with another checksum", "me/other");
    }

    [Fact]
    public async Task A_body_without_end_is_cut_at_the_size_that_was_promised()
    {
        Hub.Add("me/bert", Model(Size));
        Hub.InterceptStorage = r => new(200, Bytes(Size)) { Endless = true };
        await Fails(HubProblem.BadAnswer, "more than the 300,000 bytes");
        Assert.InRange(new FileInfo(Part).Length, 0, Size);
        Hub.InterceptStorage = r => new(200, Bytes(Size + 1));
        await Fails(HubProblem.BadAnswer, "more than the 300,000 bytes");
        Hub.Intercept = r => r.Path.Contains("/revision/") ? RawReply.Json("{\"sha\": \"") with { Endless = true } : null;
        await Fails(HubProblem.BadAnswer, "an answer of more than 16 MB");
    }

    [Fact]
    public async Task A_busy_server_is_asked_again_when_it_says_so()
    {
        Hub.Add("me/bert", Model());
        var left = 2;
        Hub.Intercept = r => Interlocked.Decrement(ref left) < 0 ? null : RawReply.Empty(429, ("Retry-After", "0"));
        // The server's wish is what counts: the pause of our own would outlast any test.
        await Get(settings: Settings with { Pause = TimeSpan.FromHours(1) });
        left = 2;
        Hub.Intercept = r => Interlocked.Decrement(ref left) < 0 ? null : RawReply.Empty(left == 1 ? 503 : 500);
        await Get();
        Hub.Intercept = r => RawReply.Empty(429, ("Retry-After", "86400"));
        await Fails(HubProblem.Unreachable, "it answers 429); try again in 86400 seconds", "me/other");
        var before = Hub.Requests.Count;
        Hub.Intercept = r => RawReply.Empty(502);
        await Fails(HubProblem.Unreachable, "it answers 502", "me/other");
        Assert.Equal(5, Hub.Requests.Count - before);
    }

    [Fact]
    public async Task A_server_that_is_away_leaves_the_copy_at_hand()
    {
        Hub.Add("me/bert", Model());
        var first = await Get();
        Hub.Intercept = r => RawReply.Empty(503);
        Assert.Equal(first.Folder, (await Get()).Folder);
        Assert.Contains($"the copy of me/bert in the cache is used (commit {first.Commit})", Assert.Single(Seen.Notes));
        var nobody = Settings with { Endpoint = "http://127.0.0.1:9" };
        Assert.Equal(first.Folder, (await Get(settings: nobody)).Folder);
        await Fails(
            HubProblem.Unreachable, "http://127.0.0.1:9 cannot be used at present", "me/other", settings: nobody with { Attempts = 2 });
    }

    [Theory]
    [InlineData("../evil.safetensors")]
    [InlineData("/etc/passwd")]
    [InlineData("a/../../b")]
    [InlineData("..\\\\evil")]
    [InlineData("C:evil")]
    [InlineData("a\\u0000b")]
    public async Task A_file_list_that_leads_out_of_its_folder_is_refused(string name)
    {
        Hub.Add("me/bert", Model());
        Hub.Intercept = r => r.Path.Contains("/tree/") ? RawReply.Json($"[{{\"type\":\"file\",\"path\":\"{name}\",\"size\":3}}]") : null;
        await Fails(HubProblem.BadAnswer, "leads out of its folder");
        Assert.False(Directory.Exists(Cache));
    }

    [Theory]
    [InlineData("../model.safetensors")]
    [InlineData("/tmp/x.safetensors")]
    [InlineData("pytorch_model.bin")]
    public async Task An_index_of_shards_that_names_strange_files_is_refused(string name)
    {
        Hub.Add(
            "me/big", ("config.json", Text("{}")), ("pytorch_model.bin", Bytes(5)),
            ("model.safetensors.index.json", Text($"{{\"weight_map\":{{\"a\":\"{name}\"}}}}")));
        Assert.Contains("no plain name", (await Assert.ThrowsAsync<PeftException>(() => Get("me/big"))).Message);
        Hub.Add(
            "me/big", ("config.json", Text("{}")),
            ("model.safetensors.index.json", Text("{\"weight_map\":{\"a\":\"absent.safetensors\"}}")));
        await Fails(HubProblem.BadAnswer, "names \"absent.safetensors\", which the repository lacks", "me/big");
    }

    [Theory]
    [InlineData("ETag", "\"../../../evil\"", "no usable entity tag")]
    [InlineData("ETag", "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"", "two hashes of \"vocab.txt\"")]
    [InlineData("X-Repo-Commit", "0000000000000000000000000000000000000000", "another commit")]
    [InlineData("Content-Length", "7", "two sizes")]
    public async Task Headers_that_cannot_be_true_are_refused(string header, string value, string expected)
    {
        var commit = Hub.Add("me/bert", Model()).Head;
        Hub.Intercept = r => r.Method != "HEAD" || !r.Path.EndsWith("vocab.txt", StringComparison.Ordinal) ? null
            : new RawReply(
                200, [],
                [
                    .. new[]
                    {
                        ("ETag", $"\"{LocalHub.GitSha(Text("[PAD]\n[UNK]\n"))}\""),
                        ("X-Repo-Commit", commit),
                        ("Content-Length", "12"),
                    }.Select(h => h.Item1 == header ? (header, value) : h),
                ]);
        await Fails(HubProblem.BadAnswer, expected);
        Assert.Empty(Directory.GetFiles(Temp.Root, "evil*", SearchOption.AllDirectories));
    }

    [Theory]
    [InlineData("")]
    [InlineData("W/\"same\"")]
    [InlineData("\"same\"")]
    [InlineData("W/\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"")]
    public async Task Where_the_tag_is_no_hash_the_lists_hash_is_compared(string tag)
    {
        var commit = Hub.Add("me/bert", Model()).Head;
        RawReply? Tagged(RawRequest r, Func<string, byte[]> content)
        {
            if (!r.Path.EndsWith("vocab.txt", StringComparison.Ordinal) && !r.Path.EndsWith("config.json", StringComparison.Ordinal))
                return null;
            return new RawReply(200, content(Path.GetFileName(r.Path)), ("ETag", tag), ("X-Repo-Commit", commit));
        }
        Hub.Intercept = r => Tagged(r, name => name == "vocab.txt" ? Text("[PAD]\n[EVIL\n") : Text("{\"model_type\":\"bert\"}"));
        await Fails(HubProblem.BadAnswer, "vocab.txt of me/bert arrived with another checksum");
        Hub.Intercept = r => Tagged(r, name => name == "vocab.txt" ? Text("[PAD]\n[UNK]\n") : Text("{\"model_type\":\"bert\"}"));
        var snapshot = await Get();
        Assert.Equal("[PAD]\n[UNK]\n", File.ReadAllText(Path.Combine(snapshot.Folder, "vocab.txt")));
        Assert.Equal("{\"model_type\":\"bert\"}", File.ReadAllText(Path.Combine(snapshot.Folder, "config.json")));
    }

    [Fact]
    public async Task Two_files_never_share_a_blob_by_their_tag_alone()
    {
        Hub.Add("me/bert", Model());
        var commit = Hub["me/bert"].Head;
        // A list without hashes, and one tag for everything.
        Hub.Intercept = r =>
        {
            if (r.Path.Contains("/tree/", StringComparison.Ordinal))
                return RawReply.Json(
                    "["
                        + string.Join(
                            ",",
                            Model().Where(f => !f.Item1.Contains('/'))
                                .Select(f => $"{{\"type\":\"file\",\"path\":\"{f.Item1}\",\"size\":{f.Item2.Length}}}"))
                        + "]");
            var name = Path.GetFileName(r.Path);
            return r.Path.Contains("/resolve/", StringComparison.Ordinal)
                && Model().FirstOrDefault(f => f.Item1 == name) is { Item2: { } content }
                ? new RawReply(200, content, ("ETag", "\"same\""), ("X-Repo-Commit", commit)) : null;
        };
        var snapshot = await Get();
        foreach (var (name, content) in Model().Where(f => f.Item1 is "config.json" or "vocab.txt" or "model.safetensors"))
            Assert.Equal(content, File.ReadAllBytes(Path.Combine(snapshot.Folder, name)));
        Assert.Contains(Seen.Notes, n => n.Contains("comes without a hash", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_blob_that_is_cut_or_another_is_fetched_anew_and_links_are_not_written_through()
    {
        Hub.Add("me/bert", Model(Size));
        var blobs = Directory.CreateDirectory(Path.Combine(Storage("me/bert"), "blobs")).FullName;
        var mine = Temp.Write("mine", Text("mine"));
        foreach (var plant in (Action[])[
            () => File.WriteAllBytes(Path.Combine(blobs, Sha), Bytes(Size)[..100]),
            () => File.WriteAllBytes(Path.Combine(blobs, Sha), Bytes(Size, seed: 3)),
            () => File.CreateSymbolicLink(Part, mine)])
        {
            plant();
            var snapshot = await Get();
            Assert.Equal(Bytes(Size), File.ReadAllBytes(Path.Combine(snapshot.Folder, "model.safetensors")));
            Assert.Equal("mine", File.ReadAllText(mine));
            Directory.Delete(Path.Combine(Storage("me/bert"), "snapshots"), recursive: true);
            File.Delete(Path.Combine(blobs, Sha));
        }
    }

    [Fact]
    public async Task Answers_that_are_none_are_told()
    {
        Hub.Add("me/bert", Model());
        Hub.Intercept = r => new(200, Text("<html>Please log in to the hotel's network</html>"));
        await Fails(HubProblem.BadAnswer, "no JSON");
        Hub.Intercept = r => RawReply.Json("{\"sha\":\"../../x\"}");
        await Fails(HubProblem.BadAnswer, "no commit");
        Hub.Intercept = r => RawReply.Empty(302, ("Location", "/loop"));
        await Fails(HubProblem.BadAnswer, "more than 10 redirects");
        Hub.Intercept = r => RawReply.Empty(302, ("Location", "file:///etc/passwd"));
        await Fails(HubProblem.BadAnswer, "a redirect to");
        Hub.Intercept = r => r.Path.Contains("/tree/") ? RawReply.Json("[]", 200, ("Link", $"<{r.Target}>; rel=\"next\"")) : null;
        await Fails(HubProblem.BadAnswer, "a file list without end");
        Hub.Intercept = r =>
            r.Path.Contains("/tree/") ? RawReply.Json("[]", 200, ("Link", "<http://elsewhere.example/>; rel=\"next\"")) : null;
        await Fails(HubProblem.BadAnswer, "goes on at another server");
    }

    [Fact]
    public async Task A_disk_that_is_too_small_is_told_before_anything_is_written()
    {
        Hub.Add("me/bert", Model());
        Hub.Intercept = r => r.Path.Contains("/tree/")
            ? RawReply.Json($"[{{\"type\":\"file\",\"path\":\"config.json\",\"size\":3}},{{\"type\":\"file\",\"path\":\"model.safetensors\",\"size\":{long.MaxValue}}}]") : null;
        await Fails(HubProblem.NoSpace, "needs 9,223,372,036,854,775,810 bytes, but the disk");
        Assert.False(Directory.Exists(Storage("me/bert")));
        Assert.DoesNotContain(Hub.Requests, r => r.Path.Contains("/resolve/"));
    }

    [Fact]
    public async Task What_has_arrived_needs_no_room_again()
    {
        // Sparse files larger than any disk's free space stand for a transfer that had nearly ended, and for a blob of another commit.
        var free = new DriveInfo(Temp.Root).AvailableFreeSpace;
        var size = free + (1L << 30);
        if (size > 1L << 43) Assert.Skip("The disk takes no file that is larger than its free space.");
        var (large, other) = (new string('a', 64), new string('b', 64));
        Hub.Add("me/bert", Model());
        string File(string path, string hash) => $"{{\"type\":\"file\",\"path\":\"{path}\",\"size\":{size},\"oid\":\"{new string('c', 40)}\",\"lfs\":{{\"oid\":\"{hash}\",\"size\":{size}}}}}";
        var entries = $"{{\"type\":\"file\",\"path\":\"adapter_config.json\",\"size\":3}},{File("adapter_model.safetensors", large)},{File("model_head.safetensors", other)}";
        Hub.Intercept = r => r.Path.Contains("/tree/") ? RawReply.Json($"[{entries}]") : null;
        await Fails(HubProblem.NoSpace, "but the disk");
        var blobs = Directory.CreateDirectory(Path.Combine(Storage("me/bert"), "blobs")).FullName;
        using (var part = System.IO.File.Create(Path.Combine(blobs, $"{large}.incomplete"))) part.SetLength(size - 10);
        using (var blob = System.IO.File.Create(Path.Combine(blobs, other))) blob.SetLength(size);
        // The room is there now; that the hub lacks these files is what is told next.
        await Fails(HubProblem.NoFile, "has no file");
    }

    [Fact]
    public async Task A_silent_server_is_not_waited_for_without_end()
    {
        Hub.Add("me/bert", Model());
        using var stop = new ManualResetEventSlim();
        Hub.Intercept = r =>
        {
            stop.Wait(TimeSpan.FromSeconds(20));
            return null;
        };
        await Fails(
            HubProblem.Unreachable, "it is silent", settings: Settings with { Timeout = TimeSpan.FromMilliseconds(200), Attempts = 2 });
        stop.Set();
    }

    [Fact]
    public async Task A_transfer_that_is_stopped_keeps_what_has_arrived()
    {
        Hub.Add("me/bert", Model(Size));
        using var stop = new CancellationTokenSource();
        Hub.InterceptStorage = r =>
        {
            stop.CancelAfter(300);
            return new(200, Bytes(Size)[..100_000], ("Content-Length", $"{Size}"));
        };
        // The connection ends early; the pause before the next attempt is what the stop interrupts.
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => Get(settings: Settings with { Pause = TimeSpan.FromSeconds(30) }, cancellation: stop.Token));
        Assert.Equal(100_000, new FileInfo(Part).Length);
        Hub.InterceptStorage = null;
        await Get();
        Assert.Equal("bytes=100000-", Hub.StorageRequests[^1].Header("Range"));
    }

    private void Leave(byte[] bytes)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Part)!);
        File.WriteAllBytes(Part, bytes);
    }
}
