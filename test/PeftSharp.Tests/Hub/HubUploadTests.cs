using PeftSharp.Hub;

namespace PeftSharp.Tests.Hub;

/// <summary>Uploads, and what came up comes down alike.</summary>
public sealed class HubUploadTests : HubTestBase
{
    private HubSettings Known => Settings with { Token = LocalHub.Token };

    [Fact]
    public async Task An_adapter_goes_up_in_one_commit_and_comes_down_alike()
    {
        var folder = Adapter();
        File.WriteAllText(Path.Combine(folder, "notes.txt"), "mine");
        var files = HubUpload.FilesOf(folder);
        Assert.Equal(
            ["README.md", "adapter_config.json", "adapter_model.safetensors", "run.json", "vocab.txt"],
            files.Select(f => f.Name).Order(StringComparer.Ordinal));
        var commit = await Push("me/lora", files, new() { Private = true, Message = "First" });
        Assert.Equal((Hub["me/lora"].Head, $"{Hub.Url}/me/lora"), (commit.Commit, commit.Url));
        Assert.True(Hub["me/lora"].Private);
        Assert.Equal("First", Hub["me/lora"].Title);
        Assert.Equal(2, Hub["me/lora"].Commits.Count);
        Assert.All(files, f => Assert.Equal(f.Bytes, Seen.Moved[f.Name]));
        Assert.All(Hub.StorageRequests, r => Assert.Null(r.Header("Authorization")));
        var snapshot = await Get("me/lora", settings: Known);
        foreach (var file in snapshot.Files)
            Assert.Equal(File.ReadAllBytes(Path.Combine(folder, file)), File.ReadAllBytes(Path.Combine(snapshot.Folder, file)));
    }

    [Fact]
    public async Task Large_files_go_in_parts_where_the_hub_says_so_and_known_ones_not_at_all()
    {
        Hub.ChunkSize = 700;
        await Push("me/lora", HubUpload.FilesOf(Adapter()));
        Assert.Equal([700, 700, 600], Hub.StorageRequests.Where(r => r.Method == "PUT").Select(r => r.Body.Length));
        Assert.Equal(Bytes(2000), Hub["me/lora"].Commits[Hub["me/lora"].Head]["adapter_model.safetensors"]);
        var before = Hub.StorageRequests.Count;
        await Push("me/again", HubUpload.FilesOf(Adapter()));
        Assert.Equal(before, Hub.StorageRequests.Count);
        Assert.Equal(Bytes(2000), Hub["me/again"].Commits[Hub["me/again"].Head]["adapter_model.safetensors"]);
    }

    [Fact]
    public async Task A_branch_is_made_where_it_is_missing()
    {
        await Push("me/lora", HubUpload.FilesOf(Adapter()));
        var main = Hub["me/lora"].Head;
        var commit = await Push("me/lora@v2/beta", HubUpload.FilesOf(Adapter()));
        Assert.Equal(main, Hub["me/lora"].Head);
        Assert.Equal(commit.Commit, Hub["me/lora"].Branches["v2/beta"]);
        await Push("me/lora@v2/beta", HubUpload.FilesOf(Adapter()));
    }

    [Fact]
    public async Task A_storage_that_fails_once_is_tried_again()
    {
        var left = 1;
        Hub.InterceptStorage = r => Interlocked.Decrement(ref left) >= 0 ? RawReply.Empty(500) : null;
        await Push("me/lora", HubUpload.FilesOf(Adapter()));
        Assert.Equal(2000, Seen.Moved["adapter_model.safetensors"]);
        Assert.Equal(2, Hub.StorageRequests.Count);
    }

    [Fact]
    public async Task A_commit_is_sent_once_whatever_becomes_of_its_answer()
    {
        Hub.Intercept = r => r.Path.Contains("/commit/") ? RawReply.Empty(504) : null;
        await Refused(HubProblem.Unreachable, "it answers 504", "me/lora", Known);
        Assert.Single(Hub.Requests, r => r.Path.Contains("/commit/"));
    }

    [Fact]
    public async Task Refusals_say_what_to_do()
    {
        await Refused(HubProblem.Denied, "needs a token that may write; set HF_TOKEN", "me/lora", Settings);
        await Refused(HubProblem.Offline, "HF_HUB_OFFLINE forbids the network", "me/lora", Known with { Offline = true });
        await Refused(HubProblem.Denied, "use a token that may write to it", "others/lora", Known);
        await Refused(HubProblem.Denied, "refuses the token", "me/lora", Known with { Token = "hf_wrong" });
        Hub.Intercept = r =>
            r.Path.Contains("/batch")
                ? RawReply.Json(
                    "{\"objects\":[{\"oid\":\""
                        + LocalHub.Sha256(Bytes(2000))
                        + "\",\"size\":2000,\"error\":{\"code\":403,\"message\":\"quota\"}}]}")
                : null;
        await Refused(HubProblem.Denied, "does not take adapter_model.safetensors of me/lora (\"quota\")", "me/lora", Known);
        Hub.Intercept = r =>
            r.Path.Contains("/batch")
                ? RawReply.Json(
                    "{\"objects\":[{\"oid\":\""
                        + LocalHub.Sha256(Bytes(2000))
                        + "\",\"size\":2000,\"actions\":{\"upload\":{\"href\":\"file:///etc\"}}}]}")
                : null;
        await Refused(HubProblem.BadAnswer, "the upload address", "me/lora", Known);
        Hub.Intercept = r => r.Path.Contains("/commit/") ? RawReply.Empty(307, ("Location", $"{Hub.StorageUrl}/")) : null;
        await Refused(HubProblem.BadAnswer, "a redirect to another server", "me/lora", Known);
        Assert.Contains("does not exist", Assert.Throws<PeftException>(() => HubUpload.FilesOf(Temp.File("nowhere"))).Message);
        Assert.Contains(
            "so it holds no model",
            Assert.Throws<HubException>(() => HubUpload.FilesOf(Directory.CreateDirectory(Temp.File("empty")).FullName)).Message);
    }

    [Fact]
    public async Task What_was_to_be_private_is_not_uploaded_where_others_see_it()
    {
        Hub.IgnoresPrivacy = true;
        var e = await Assert.ThrowsAsync<PeftException>(() => Push("me/lora", HubUpload.FilesOf(Adapter()), new() { Private = true }));
        Assert.Contains("is public, so nothing was uploaded", e.Message);
        Assert.Empty(Hub.StorageRequests);
        Assert.Single(Hub["me/lora"].Commits);
    }

    private Task<HubCommit> Push(
        string name, IReadOnlyList<HubUploadFile> files, HubUploadOptions? options = null, HubSettings? settings = null) =>
        new HubUpload(settings ?? Known, Seen).PushAsync(HubRepository.Parse(name), files, options);

    private async Task Refused(HubProblem problem, string expected, string name, HubSettings settings)
    {
        var e = await Assert.ThrowsAsync<HubException>(() => Push(name, HubUpload.FilesOf(Adapter()), settings: settings));
        Assert.Contains(expected, e.Message);
        Assert.Equal(problem, e.Problem);
    }

    private string Adapter()
    {
        var folder = Directory.CreateDirectory(Temp.File("adapter")).FullName;
        File.WriteAllText(Path.Combine(folder, "adapter_config.json"), "{\"peft_type\":\"LORA\"}");
        File.WriteAllBytes(Path.Combine(folder, "adapter_model.safetensors"), Bytes(2000));
        File.WriteAllText(Path.Combine(folder, "vocab.txt"), "[PAD]\n");
        File.WriteAllText(Path.Combine(folder, "run.json"), "{}");
        File.WriteAllText(Path.Combine(folder, "README.md"), "# An adapter\n");
        return folder;
    }
}
