using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using PeftSharp.Files;
using PeftSharp.Files.Json;

namespace PeftSharp.Hub;

/// <summary>Brings models and adapters to a hub: the repository is made where it is missing, and all files go into one commit.</summary>
/// <param name="settings">Server, token and patience.</param>
/// <param name="progress">Told how it goes. Default: nobody.</param>
public sealed class HubUpload(HubSettings settings, IHubProgress? progress = null)
{
    // The hub's own bound for files that travel inside the commit.
    private const long LargestInline = 10L << 20;

    private readonly IHubProgress _progress = progress ?? NoProgress.Instance;

    /// <summary>The files of a folder that are worth uploading: what a download reads, and README.md.</summary>
    /// <exception cref="PeftException">The folder holds neither a model nor an adapter, or a file of it is missing.</exception>
    public static IReadOnlyList<HubUploadFile> FilesOf(string folder)
    {
        if (!Directory.Exists(folder))
            throw new PeftException($"The folder {folder} does not exist; give the folder of an adapter or a model.");
        string[] names = [.. HubFiles.NamesIn(folder)];
        var chosen = HubFiles.Choose(names, HubContent.Any, folder);
        if (chosen.Contains(HubFiles.Index)) chosen.AddRange(HubFiles.Shards(Path.Combine(folder, HubFiles.Index)));
        List<HubUploadFile> files =
            [.. chosen.Concat(names.Where(n => n == "README.md")).Select(n => HubUploadFile.Of(Path.Combine(folder, n), n))];
        if (SharedAbove(folder, names) is { } shared) files.Add(HubUploadFile.Of(shared, KnownFiles.Shared));
        return files;
    }

    // A joint run writes what its tasks share once, above their folders; a repository of one task is to be whole.
    private static string? SharedAbove(string folder, string[] names)
    {
        const string config = "adapter_config.json";
        if (names.Contains(KnownFiles.Shared) || !names.Contains(config)) return null;
        var json = StrictJson.ReadObject(Path.Combine(folder, config), "save the adapter again");
        return json[KnownFiles.SharedHash] is null ? null : KnownFiles.SharedOf(folder);
    }

    /// <summary>
    /// Uploads files as one commit on a branch (<see cref="HubRepository.Revision"/>), which is made where it is missing.
    /// </summary>
    /// <exception cref="HubException">The server refuses, or cannot be reached; no commit was made then.</exception>
    public async Task<HubCommit> PushAsync(
        HubRepository repository, IReadOnlyList<HubUploadFile> files, HubUploadOptions? options = null,
        CancellationToken cancellation = default)
    {
        options ??= new();
        if (settings.Offline) throw new HubException(HubProblem.Offline, "HF_HUB_OFFLINE forbids the network; unset it to upload.");
        if (settings.Token is null)
            throw new HubException(
                HubProblem.Denied,
                $"An upload to {settings.Endpoint} needs a token that may write; set HF_TOKEN, or log in with huggingface_hub, whose token "
                + "file is read too.");
        if (repository.Owner is null) throw new PeftException($"{repository.Id} names no owner; give owner/name.");
        if (repository.IsPinned)
            throw new PeftException($"{repository} is a commit, and commits are made on branches; give the name of a branch.");
        using var client = new HubClient(settings);
        await CreateAsync(client, repository, options, cancellation).ConfigureAwait(false);
        _progress.Starting(repository, [.. files.Select(f => new HubTransferFile(f.Name, f.Bytes))]);
        var large = await LargeAsync(client, repository, files, cancellation).ConfigureAwait(false);
        var shas = new Dictionary<HubUploadFile, string>();
        foreach (var file in files.Where(large.Contains)) shas[file] = await file.Sha256Async(cancellation).ConfigureAwait(false);
        await new LfsUpload(client, repository, _progress).SendAsync(
            shas.DistinctBy(s => s.Value).ToDictionary(s => s.Value, s => s.Key), cancellation)
            .ConfigureAwait(false);
        return await CommitAsync(client, repository, files, shas, options, cancellation).ConfigureAwait(false);
    }

    private static async Task CreateAsync(
        HubClient client, HubRepository repository, HubUploadOptions options, CancellationToken cancellation)
    {
        var body = new JsonObject { ["name"] = repository.Name, ["organization"] = repository.Owner };
        if (options.Private) body["visibility"] = "private";
        var request = Post(client.Url("api/repos/create"), repository, body.ToJsonString(), "application/json");
        using (var response = await client.SendAsync(request, cancellation).ConfigureAwait(false))
        {
            // It may be there already, even where the token may not create: the next question tells.
            if (
                !response.IsSuccessStatusCode
                    && response.StatusCode is not (
                        HttpStatusCode.Conflict or HttpStatusCode.Unauthorized or HttpStatusCode.PaymentRequired
                            or HttpStatusCode.Forbidden))
                throw HubErrors.For(response, request, client.Settings);
            var refused = response.StatusCode is HttpStatusCode.Unauthorized or HttpStatusCode.PaymentRequired or HttpStatusCode.Forbidden
                ? HubErrors.For(response, request, client.Settings)
                : null;
            var there = await FindAsync(client, repository.At(HubRepository.DefaultRevision), refused, cancellation).ConfigureAwait(false);
            // An older server may not understand how privacy was asked for.
            if (options.Private && !there.IsPrivate)
                throw new PeftException(
                    $"{repository.Id} at {client.Settings.Endpoint} is public, so nothing was uploaded; make it private there, or leave "
                    + "--private out.");
        }
        if (repository.Revision == HubRepository.DefaultRevision) return;
        var branch = Post(
            client.Url($"api/models/{repository.Id}/branch/{Uri.EscapeDataString(repository.Revision)}"), repository, "{}",
            "application/json");
        using var made = await client.SendAsync(branch, cancellation).ConfigureAwait(false);
        if (!made.IsSuccessStatusCode && made.StatusCode != HttpStatusCode.Conflict) throw HubErrors.For(made, branch, client.Settings);
    }

    private static async Task<HubListing> FindAsync(
        HubClient client, HubRepository repository, HubException? refused, CancellationToken cancellation)
    {
        try
        {
            return await HubListing.FindAsync(client, repository, cancellation).ConfigureAwait(false);
        }
        catch (HubException e) when (e.Problem == HubProblem.NoRepository && refused is not null)
        {
            throw refused;
        }
    }

    // The server says which files it keeps as large ones.
    private static async Task<HashSet<HubUploadFile>> LargeAsync(
        HubClient client, HubRepository repository, IReadOnlyList<HubUploadFile> files, CancellationToken cancellation)
    {
        var asked = new JsonObject
        {
            ["files"] = new JsonArray(
                [
                    .. files.Select(
                        f =>
                            (JsonNode)new JsonObject
                            {
                                ["path"] = f.Name,
                                ["sample"] = Convert.ToBase64String(f.Sample()),
                                ["size"] = f.Bytes,
                            }),
                ]),
        };
        var request = Post(Api(client, repository, "preupload"), repository, asked.ToJsonString(), "application/json");
        var (json, _) = await client.JsonAsync(request, cancellation).ConfigureAwait(false);
        var modes = ((json as JsonObject)?["files"] as JsonArray)?.OfType<JsonObject>()
            .ToLookup(f => f["path"]?.ToString() ?? "", f => f["uploadMode"]?.ToString());
        var large = new HashSet<HubUploadFile>();
        foreach (var file in files)
        {
            // An empty file has no place in large storage.
            if (modes?[file.Name].FirstOrDefault() is not ("lfs" or "regular") and not null || modes is null || !modes.Contains(file.Name))
                throw HubErrors.Bad(repository, $"no way to upload {Quoted.Name(file.Name)}");
            if (modes[file.Name].First() == "lfs" && file.Bytes > 0) large.Add(file);
            else if (file.Bytes > LargestInline)
                throw HubErrors.Bad(repository, $"a wish for {Quoted.Name(file.Name)} of {file.Bytes:N0} bytes inside the commit");
        }
        return large;
    }

    private async Task<HubCommit> CommitAsync(
        HubClient client, HubRepository repository, IReadOnlyList<HubUploadFile> files, Dictionary<HubUploadFile, string> shas,
        HubUploadOptions options, CancellationToken cancellation)
    {
        var lines = new StringBuilder();
        void Line(string key, JsonObject value) =>
            lines.Append(new JsonObject { ["key"] = key, ["value"] = value }.ToJsonString()).Append('\n');
        Line("header", new JsonObject { ["summary"] = options.Message, ["description"] = "" });
        foreach (var file in files)
        {
            if (shas.TryGetValue(file, out var sha))
                Line("lfsFile", new JsonObject { ["path"] = file.Name, ["algo"] = "sha256", ["oid"] = sha, ["size"] = file.Bytes });
            else Line(
                "file", new JsonObject { ["content"] = Convert.ToBase64String(file.All()), ["path"] = file.Name, ["encoding"] = "base64" });
        }
        // Sent once: an answer that got lost may stand for a commit that was made.
        var request = Post(Api(client, repository, "commit"), repository, lines.ToString(), "application/x-ndjson") with { Once = true };
        var (json, _) = await client.JsonAsync(request, cancellation).ConfigureAwait(false);
        foreach (var file in files.Where(f => !shas.ContainsKey(f))) _progress.Moved(file.Name, file.Bytes);
        var commit = (json as JsonObject)?["commitOid"]?.ToString() ?? throw HubErrors.Bad(repository, "no commit");
        return new(repository, commit, $"{client.Settings.Endpoint}/{repository.Id}");
    }

    private static Uri Api(HubClient client, HubRepository repository, string verb) =>
        client.Url($"api/models/{repository.Id}/{verb}/{Uri.EscapeDataString(repository.Revision)}");

    private static HubRequest Post(Uri url, HubRepository repository, string text, string media) =>
        new(HttpMethod.Post, url, repository) { Body = () => new StringContent(text, Encoding.UTF8, new MediaTypeHeaderValue(media)) };
}
