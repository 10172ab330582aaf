using PeftSharp.Hub;

namespace PeftSharp.Tests.Hub;

/// <summary>A hub, or a network, that does not behave.</summary>
public sealed class HubTroubleTests : HubTestBase
{
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
}
