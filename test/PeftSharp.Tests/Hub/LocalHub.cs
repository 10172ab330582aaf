using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using PeftSharp.Hub;

namespace PeftSharp.Tests.Hub;

/// <summary>A hub on this machine: two servers, as the real one has, so that large files come from another place than the rest.</summary>
internal sealed partial class LocalHub : IDisposable
{
    public const string Token = "hf_secret";

    private readonly RawServer _server, _storage;
    private readonly ConcurrentDictionary<string, Repo> _repos = new();
    private readonly ConcurrentDictionary<string, byte[]> _large = new();

    public LocalHub()
    {
        _storage = new(Storage);
        _server = new(request => Intercept?.Invoke(request) ?? Answer(request));
    }

    public string Url => _server.Url;

    public string StorageUrl => _storage.Url;

    /// <summary>What came, in order.</summary>
    public IReadOnlyList<RawRequest> Requests => [.. _server.Log];

    public IReadOnlyList<RawRequest> StorageRequests => [.. _storage.Log];

    /// <summary>Answers instead of the hub where it gives an answer.</summary>
    public Func<RawRequest, RawReply?>? Intercept { get; set; }

    public Func<RawRequest, RawReply?>? InterceptStorage { get; set; }

    /// <summary>Files a page of the list.</summary>
    public int PageSize { get; set; } = 1000;

    public Repo Add(string id, params (string Name, byte[] Content)[] files)
    {
        var repo = new Repo();
        _repos[id] = repo;
        repo.Commit("main", files.ToDictionary(f => f.Name, f => f.Content));
        return repo;
    }

    public Repo this[string id] => _repos[id];

    public HubSettings Settings(string cache) =>
        new() { Endpoint = Url, CacheFolder = cache, Pause = TimeSpan.FromMilliseconds(1), Timeout = TimeSpan.FromSeconds(5) };

    public static string GitSha(byte[] content) =>
        Convert.ToHexStringLower(SHA1.HashData([.. Encoding.ASCII.GetBytes($"blob {content.Length}\0"), .. content]));

    public static string Sha256(byte[] content) => Convert.ToHexStringLower(SHA256.HashData(content));

    public static bool IsLarge(string name) =>
        name.EndsWith(".safetensors", StringComparison.Ordinal) || name.EndsWith(".bin", StringComparison.Ordinal);

    public void Dispose()
    {
        _server.Dispose();
        _storage.Dispose();
    }

    private RawReply Answer(RawRequest request)
    {
        var parts = request.Path.Trim('/').Split('/').Select(Uri.UnescapeDataString).ToArray();
        if (request.Path == "/api/repos/create") return Create(request);
        if (parts[0] == "lfs" && request.Method == "POST") return Finish(request, parts);
        if (parts is ["api", "models", var owner, var name, .. var rest]) return Allowed($"{owner}/{name}", request, repo => rest switch
        {
            ["revision", var revision] => Info(repo, revision),
            ["tree", var revision] => Tree(repo, request, revision),
            ["branch", var branch] => Branch(repo, branch),
            ["preupload", var branch] => Preupload(repo, request, branch),
            ["commit", var branch] => Commit(repo, request, branch),
            _ => RawReply.Empty(404),
        });
        if (parts is [var user, var repository, "resolve", var at, .. var file])
            return Allowed($"{user}/{repository}", request, repo => Resolve(repo, request, at, string.Join('/', file)));
        if (parts is [var who, var git, "info", "lfs", "objects", "batch"])
            return Allowed($"{who}/{git[..^4]}", request, _ => Batch(request));
        return RawReply.Empty(404);
    }

    private RawReply Allowed(string id, RawRequest request, Func<Repo, RawReply> answer)
    {
        var known = request.Header("Authorization") == $"Bearer {Token}";
        if (request.Header("Authorization") is not null && !known)
            return RawReply.Empty(401, ("X-Error-Message", "Invalid credentials in Authorization header"));
        if (!_repos.TryGetValue(id, out var repo) || (repo.Private && !known))
            return RawReply.Empty(known ? 404 : 401, ("X-Error-Code", "RepoNotFound"), ("X-Error-Message", "Repository not found"));
        if (request.Method is "POST" && !known) return RawReply.Empty(401);
        if (repo.Gated && request.Path.Contains("/resolve/"))
            return RawReply.Empty(403, ("X-Error-Code", "GatedRepo"), ("X-Error-Message", "Access to model is restricted"));
        return answer(repo);
    }

    private static RawReply Info(Repo repo, string revision) => repo.Find(revision) is { } commit
        ? RawReply.Json(new JsonObject { ["sha"] = commit, ["private"] = repo.Private, ["siblings"] = new JsonArray() }.ToJsonString())
        : RawReply.Empty(404, ("X-Error-Code", "RevisionNotFound"));

    private RawReply Tree(Repo repo, RawRequest request, string revision)
    {
        var files = repo.Commits[repo.Find(revision)!].OrderBy(f => f.Key, StringComparer.Ordinal).ToList();
        var from = request.Target.Contains("cursor=") ? int.Parse(request.Target.Split("cursor=")[1], CultureInfo.InvariantCulture) : 0;
        var page = new JsonArray();
        foreach (var (name, content) in files.Skip(from).Take(PageSize))
        {
            var entry = new JsonObject { ["type"] = "file", ["path"] = name, ["oid"] = GitSha(content), ["size"] = content.Length };
            if (IsLarge(name))
                entry["lfs"] = new JsonObject { ["oid"] = Sha256(content), ["size"] = content.Length, ["pointerSize"] = 134 };
            page.Add(entry);
        }
        var reply = RawReply.Json(page.ToJsonString());
        return from + PageSize >= files.Count
            ? reply
            : reply.With(("Link", $"<{Url}{request.Path}?cursor={from + PageSize}>; rel=\"next\""));
    }

    private RawReply Resolve(Repo repo, RawRequest request, string revision, string file)
    {
        if (repo.Find(revision) is not { } commit) return RawReply.Empty(404, ("X-Error-Code", "RevisionNotFound"));
        if (!repo.Commits[commit].TryGetValue(file, out var content))
            return RawReply.Empty(404, ("X-Error-Code", "EntryNotFound"), ("X-Repo-Commit", commit));
        if (!IsLarge(file)) return Part(request, content).With(("ETag", $"\"{GitSha(content)}\""), ("X-Repo-Commit", commit));
        var sha = Sha256(content);
        _large[sha] = content;
        return RawReply.Empty(
            302, ("Location", $"{StorageUrl}/{sha}?signed"), ("X-Repo-Commit", commit), ("X-Linked-Etag", $"\"{sha}\""),
            ("X-Linked-Size", $"{content.Length}"));
    }

    private RawReply Storage(RawRequest request)
    {
        if (InterceptStorage?.Invoke(request) is { } reply) return reply;
        var sha = request.Path.Trim('/');
        if (request.Method == "PUT") return Put(request, sha);
        return _large.TryGetValue(sha, out var content) ? Part(request, content) : RawReply.Empty(404);
    }

    /// <summary>A file's content, or what a Range header asks of it.</summary>
    public static RawReply Part(RawRequest request, byte[] content)
    {
        if (request.From == 0) return new(200, content);
        return request.From >= content.Length
            ? RawReply.Empty(416)
            : new(206, content[(int)request.From..], ("Content-Range", $"bytes {request.From}-{content.Length - 1}/{content.Length}"));
    }

    /// <summary>A repository: branches and their commits.</summary>
    public sealed class Repo
    {
        public bool Private { get; set; }

        public bool Gated { get; set; }

        public ConcurrentDictionary<string, string> Branches { get; } = new();

        public ConcurrentDictionary<string, IReadOnlyDictionary<string, byte[]>> Commits { get; } = new();

        /// <summary>Title of the last commit that came over the wire.</summary>
        public string? Title { get; set; }

        public string Head => Branches["main"];

        public string? Find(string revision) =>
            Branches.TryGetValue(revision, out var commit) ? commit : Commits.ContainsKey(revision) ? revision : null;

        public string Commit(string branch, IReadOnlyDictionary<string, byte[]> files)
        {
            var commit = Convert.ToHexStringLower(
                SHA1.HashData(
                    Encoding.UTF8.GetBytes($"{branch} {Commits.Count} {string.Join(' ', files.Select(f => f.Key + GitSha(f.Value)))}")));
            Commits[commit] = files;
            return Branches[branch] = commit;
        }
    }
}
