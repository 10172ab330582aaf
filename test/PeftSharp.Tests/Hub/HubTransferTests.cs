using PeftSharp.Hub;

namespace PeftSharp.Tests.Hub;

/// <summary>Transfers that break, lie about what they carry, or find no room.</summary>
public sealed class HubTransferTests : HubTestBase
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
    public async Task A_disk_that_is_too_small_is_told_before_anything_is_written()
    {
        Hub.Add("me/bert", Model());
        string File(string path, long size) => $$"""{"type":"file","path":"{{path}}","size":{{size}}}""";
        var list = $"[{File("config.json", 3)},{File("model.safetensors", long.MaxValue)}]";
        Hub.Intercept = r => r.Path.Contains("/tree/") ? RawReply.Json(list) : null;
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
        string File(string path, string hash) =>
            $"{{\"type\":\"file\",\"path\":\"{path}\",\"size\":{size},\"oid\":\"{new string('c', 40)}\","
            + $"\"lfs\":{{\"oid\":\"{hash}\",\"size\":{size}}}}}";
        var entries = "{\"type\":\"file\",\"path\":\"adapter_config.json\",\"size\":3},"
            + $"{File("adapter_model.safetensors", large)},{File("model_head.safetensors", other)}";
        Hub.Intercept = r => r.Path.Contains("/tree/") ? RawReply.Json($"[{entries}]") : null;
        await Fails(HubProblem.NoSpace, "but the disk");
        var blobs = Directory.CreateDirectory(Path.Combine(Storage("me/bert"), "blobs")).FullName;
        using (var part = System.IO.File.Create(Path.Combine(blobs, $"{large}.incomplete"))) part.SetLength(size - 10);
        using (var blob = System.IO.File.Create(Path.Combine(blobs, other))) blob.SetLength(size);
        // The room is there now; that the hub lacks these files is what is told next.
        await Fails(HubProblem.NoFile, "has no file");
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
