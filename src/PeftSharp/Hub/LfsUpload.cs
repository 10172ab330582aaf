using System.Globalization;
using System.Net.Http.Headers;
using System.Text.Json.Nodes;
using PeftSharp.Files;

namespace PeftSharp.Hub;

/// <summary>Git LFS as a hub speaks it: the batch request, then each object in one piece or in parts.</summary>
internal sealed class LfsUpload(HubClient client, HubRepository repository, IHubProgress progress)
{
    private const string Media = "application/vnd.git-lfs+json";

    /// <summary>Uploads the content of files that the server does not have yet.</summary>
    public async Task SendAsync(IReadOnlyDictionary<string, HubUploadFile> bySha, CancellationToken cancellation)
    {
        if (bySha.Count == 0) return;
        var batch = new JsonObject
        {
            ["operation"] = "upload",
            ["transfers"] = new JsonArray("basic", "multipart"),
            ["objects"] = new JsonArray([.. bySha.Select(f => (JsonNode)new JsonObject { ["oid"] = f.Key, ["size"] = f.Value.Bytes })]),
            ["hash_algo"] = "sha256",
            ["ref"] = new JsonObject { ["name"] = repository.Revision },
        };
        var url = client.Url($"{repository.Id}.git/info/lfs/objects/batch");
        var (json, _) = await client.JsonAsync(Post(url, batch), cancellation).ConfigureAwait(false);
        if ((json as JsonObject)?["objects"] is not JsonArray objects) throw HubErrors.Bad(repository, "no list of LFS objects");
        foreach (var item in objects)
        {
            if (item is not JsonObject told || Text(told["oid"]) is not { } sha || !bySha.TryGetValue(sha, out var file))
                throw HubErrors.Bad(repository, "an LFS object that was not asked for");
            if (told["error"] is JsonObject error)
                throw new HubException(
                    HubProblem.Denied,
                    $"{client.Settings.Endpoint} does not take {file.Name} of {repository} "
                    + $"({Quoted.Name(Text(error["message"]) ?? "no reason given")}); check the file and your rights.");
            await ObjectAsync(told["actions"] as JsonObject, sha, file, cancellation).ConfigureAwait(false);
        }
    }

    private async Task ObjectAsync(JsonObject? actions, string sha, HubUploadFile file, CancellationToken cancellation)
    {
        if (actions?["upload"] is not JsonObject upload)
        {
            progress.Moved(file.Name, file.Bytes); // the server has it already
            return;
        }
        var headers = (upload["header"] as JsonObject)?.Where(h => Text(h.Value) is not null).ToDictionary(h => h.Key, h => Text(h.Value)!)
            ?? [];
        if (headers.Remove("chunk_size", out var size))
            await PartsAsync(Target(upload), headers, size, sha, file, cancellation).ConfigureAwait(false);
        else await PutAsync(Target(upload), headers, file, 0, file.Bytes, cancellation).ConfigureAwait(false);
        if (actions["verify"] is not JsonObject verify) return;
        await DoneAsync(Post(Target(verify), new JsonObject { ["oid"] = sha, ["size"] = file.Bytes }), cancellation).ConfigureAwait(false);
    }

    // The header of the action lists the addresses of the parts under their numbers.
    private async Task PartsAsync(
        Uri completion, Dictionary<string, string> headers, string size, string sha, HubUploadFile file, CancellationToken cancellation)
    {
        var urls = headers.Where(h => h.Key.All(char.IsAsciiDigit))
            .OrderBy(h => int.Parse(h.Key, CultureInfo.InvariantCulture))
            .Select(h => h.Value)
            .ToList();
        if (
            !long.TryParse(size, NumberStyles.None, CultureInfo.InvariantCulture, out var chunk)
                || chunk < 1
                || urls.Count != (file.Bytes + chunk - 1) / chunk)
            throw HubErrors.Bad(repository, $"{urls.Count} parts of {Quoted.Name(size)} bytes for a file of {file.Bytes:N0}");
        var parts = new JsonArray();
        for (var i = 0; i < urls.Count; i++)
        {
            var from = i * chunk;
            var etag = await PutAsync(
                Target(new JsonObject { ["href"] = urls[i] }), [], file, from, Math.Min(chunk, file.Bytes - from),
                cancellation).ConfigureAwait(false);
            parts.Add(
                new JsonObject
                {
                    ["partNumber"] = i + 1,
                    ["etag"] = etag ?? throw HubErrors.Bad(repository, $"no entity tag of part {i + 1}"),
                });
        }
        await DoneAsync(Post(completion, new JsonObject { ["oid"] = sha, ["parts"] = parts }), cancellation).ConfigureAwait(false);
    }

    private async Task<string?> PutAsync(
        Uri url, Dictionary<string, string> headers, HubUploadFile file, long from, long length, CancellationToken cancellation)
    {
        long sent = 0;
        HttpContent Body()
        {
            progress.Moved(file.Name, -sent); // an attempt before this one
            sent = 0;
            return new PartOfStream(file.Open(), from, length, n =>
            {
                sent += n;
                progress.Moved(file.Name, n);
            });
        }
        using var response = await DoneAsync(
            new HubRequest(HttpMethod.Put, url, repository) { File = file.Name, Body = Body, Headers = headers },
            cancellation).ConfigureAwait(false);
        return HubErrors.Header(response, "ETag");
    }

    private async Task<HttpResponseMessage> DoneAsync(HubRequest request, CancellationToken cancellation)
    {
        var response = await client.SendAsync(request, cancellation).ConfigureAwait(false);
        if (response.IsSuccessStatusCode) return response;
        using (response) throw HubErrors.For(response, request, client.Settings);
    }

    private HubRequest Post(Uri url, JsonObject json)
    {
        var text = json.ToJsonString();
        return new(HttpMethod.Post, url, repository)
        {
            Accept = Media,
            Body = () => new StringContent(text, new MediaTypeHeaderValue(Media)),
        };
    }

    private Uri Target(JsonObject action) =>
        Uri.TryCreate(Text(action["href"]), UriKind.Absolute, out var url)
            && url.Scheme is "http" or "https"
            && (url.Scheme == "https" || client.Settings.Endpoint.StartsWith("http:", StringComparison.Ordinal))
        ? url
        : throw HubErrors.Bad(repository, $"the upload address {Quoted.Name(Text(action["href"]) ?? "missing")}");

    private static string? Text(JsonNode? node) => node is JsonValue value && value.TryGetValue<string>(out var text) ? text : null;
}
