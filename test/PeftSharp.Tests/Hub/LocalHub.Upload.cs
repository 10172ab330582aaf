using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json.Nodes;

namespace PeftSharp.Tests.Hub;

/// <summary>The part that takes uploads.</summary>
internal sealed partial class LocalHub
{
    private readonly ConcurrentDictionary<string, byte[]> _parts = new();

    /// <summary>If above zero, large files are taken in parts of so many bytes.</summary>
    public int ChunkSize { get; set; }

    /// <summary>True forgets what privacy was asked for, as a server of another age might.</summary>
    public bool IgnoresPrivacy { get; set; }

    private RawReply Create(RawRequest request)
    {
        if (request.Header("Authorization") != $"Bearer {Token}") return RawReply.Empty(401);
        var json = JsonNode.Parse(request.Text)!;
        var id = $"{json["organization"]}/{json["name"]}";
        if (id.StartsWith("others/", StringComparison.Ordinal))
            return RawReply.Empty(403, ("X-Error-Message", "You don't have the rights"));
        if (_repos.ContainsKey(id)) return RawReply.Json("{\"error\":\"You already created this model repo\"}", 409);
        Add(id).Private = !IgnoresPrivacy && json["visibility"]?.ToString() == "private";
        return RawReply.Json($"{{\"url\":\"{Url}/{id}\"}}");
    }

    private static RawReply Branch(Repo repo, string branch)
    {
        if (!repo.Branches.TryAdd(branch, repo.Head)) return RawReply.Json("{}", 409);
        return RawReply.Json("{}", 201);
    }

    private static RawReply Preupload(Repo repo, RawRequest request, string branch)
    {
        if (repo.Find(branch) is null) return RawReply.Empty(404, ("X-Error-Code", "RevisionNotFound"));
        var files = JsonNode.Parse(request.Text)!["files"]!.AsArray().Select(f => (JsonNode)new JsonObject
        {
            ["path"] = f!["path"]!.ToString(),
            ["uploadMode"] = IsLarge(f["path"]!.ToString()) ? "lfs" : "regular",
            ["shouldIgnore"] = false,
        });
        return RawReply.Json(new JsonObject { ["files"] = new JsonArray([.. files]) }.ToJsonString());
    }

    private RawReply Batch(RawRequest request)
    {
        if (request.Header("Content-Type") != "application/vnd.git-lfs+json") return RawReply.Empty(415);
        var objects =
            JsonNode.Parse(request.Text)!["objects"]!.AsArray().Select(o => (JsonNode)Object(o!["oid"]!.ToString(), (long)o["size"]!));
        return RawReply.Json(
            new JsonObject
            {
                ["transfer"] = ChunkSize > 0 ? "multipart" : "basic",
                ["objects"] = new JsonArray([.. objects]),
            }.ToJsonString());
    }

    private JsonObject Object(string sha, long size)
    {
        var told = new JsonObject { ["oid"] = sha, ["size"] = size };
        if (_large.ContainsKey(sha)) return told;
        var upload = new JsonObject { ["href"] = $"{StorageUrl}/{sha}" };
        if (ChunkSize > 0)
        {
            upload["href"] = $"{Url}/lfs/complete/{sha}";
            var header = new JsonObject { ["chunk_size"] = $"{ChunkSize}" };
            for (var part = 0; part * ChunkSize < size; part++) header[$"{part + 1:00000}"] = $"{StorageUrl}/{sha}.{part + 1}";
            upload["header"] = header;
        }
        told["actions"] = new JsonObject { ["upload"] = upload, ["verify"] = new JsonObject { ["href"] = $"{Url}/lfs/verify/{sha}" } };
        return told;
    }

    private RawReply Put(RawRequest request, string name)
    {
        if (name.Contains('.')) _parts[name] = request.Body;
        else if (Sha256(request.Body) == name) _large[name] = request.Body;
        else return RawReply.Empty(400);
        return RawReply.Empty(200, ("ETag", $"\"{name}\""));
    }

    private RawReply Finish(RawRequest request, string[] parts)
    {
        var json = JsonNode.Parse(request.Text)!;
        var sha = json["oid"]!.ToString();
        if (parts[1] == "complete")
        {
            var pieces = json["parts"]!.AsArray().OrderBy(p => (int)p!["partNumber"]!).Select(p => p!["etag"]!.ToString().Trim('"'));
            byte[] all = [.. pieces.SelectMany(p => _parts[p])];
            if (Sha256(all) != sha) return RawReply.Empty(400);
            _large[sha] = all;
        }
        return _large.TryGetValue(sha, out var content) && (parts[1] == "complete" || content.Length == (long)json["size"]!)
            ? RawReply.Json("{}")
            : RawReply.Empty(404);
    }

    private RawReply Commit(Repo repo, RawRequest request, string branch)
    {
        if (request.Header("Content-Type")?.StartsWith("application/x-ndjson", StringComparison.Ordinal) != true)
            return RawReply.Empty(415);
        var files = repo.Commits[repo.Branches[branch]].ToDictionary(f => f.Key, f => f.Value);
        foreach (var line in request.Text.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            var (key, value) = (JsonNode.Parse(line)!["key"]!.ToString(), JsonNode.Parse(line)!["value"]!);
            if (key == "header") repo.Title = value["summary"]!.ToString();
            else if (key == "file") files[value["path"]!.ToString()] = Convert.FromBase64String(value["content"]!.ToString());
            else if (!_large.TryGetValue(value["oid"]!.ToString(), out var content) || content.Length != (int)value["size"]!)
                return RawReply.Empty(400, ("X-Error-Message", "LFS pointer to an object that was not uploaded"));
            else files[value["path"]!.ToString()] = content;
        }
        var commit = repo.Commit(branch, files);
        return RawReply.Json(
            new JsonObject
            {
                ["commitOid"] = commit,
                ["commitUrl"] = string.Create(CultureInfo.InvariantCulture, $"{Url}/commit/{commit}"),
            }.ToJsonString());
    }
}
