using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using PeftSharp.Files;

namespace PeftSharp.Hub;

/// <summary>What a repository holds at a commit: the files of its top folder, with their sizes.</summary>
internal sealed partial class HubListing
{
    private const int MostPages = 50, MostFiles = 50_000;

    private HubListing(string commit, bool isPrivate) => (Commit, IsPrivate) = (commit, isPrivate);

    public string Commit { get; }

    public bool IsPrivate { get; }

    /// <summary>Size and content hash (null if it is none) by path.</summary>
    public Dictionary<string, (long Bytes, string? Hash)> Files { get; } = new(StringComparer.Ordinal);

    /// <summary>Asks for the commit that a revision stands for at present, then for the files of that commit.</summary>
    public static async Task<HubListing> ReadAsync(HubClient client, HubRepository repository, CancellationToken cancellation)
    {
        var listing = await FindAsync(client, repository, cancellation).ConfigureAwait(false);
        var url = client.Url($"api/models/{repository.Id}/tree/{listing.Commit}?recursive=false&expand=false");
        for (var page = 0; ; page++)
        {
            var request = new HubRequest(HttpMethod.Get, url, repository);
            var (json, link) = await client.JsonAsync(request, cancellation).ConfigureAwait(false);
            listing.Add(json as JsonArray ?? throw HubErrors.Bad(repository, "a file list that is no list"), repository);
            if (link is null || NextLink().Match(link) is not { Success: true } next) return listing;
            if (page == MostPages || listing.Files.Count > MostFiles) throw HubErrors.Bad(repository, "a file list without end");
            if (!Uri.TryCreate(url, next.Groups[1].Value, out var following))
                throw HubErrors.Bad(repository, $"a file list that goes on at {Quoted.Name(next.Groups[1].Value)}, which is no address");
            if (following.Authority != url.Authority)
                throw HubErrors.Bad(repository, $"a file list that goes on at another server, {Quoted.Name(following.Authority)}");
            url = following;
        }
    }

    /// <summary>The commit and the visibility, without the files.</summary>
    public static async Task<HubListing> FindAsync(HubClient client, HubRepository repository, CancellationToken cancellation)
    {
        var request = new HubRequest(
            HttpMethod.Get, client.Url($"api/models/{repository.Id}/revision/{Uri.EscapeDataString(repository.Revision)}"), repository);
        var (json, _) = await client.JsonAsync(request, cancellation).ConfigureAwait(false);
        var commit = Text((json as JsonObject)?["sha"]);
        if (commit is null || !HubRepository.IsCommit(commit))
            throw HubErrors.Bad(repository, $"no commit (\"sha\" is {Quoted.Name(commit ?? "missing")})");
        return new(commit, json["private"] is JsonValue flag && flag.TryGetValue<bool>(out var hidden) && hidden);
    }

    private void Add(JsonArray entries, HubRepository repository)
    {
        foreach (var entry in entries)
        {
            if (entry is not JsonObject file || Text(file["path"]) is not { } path)
                throw HubErrors.Bad(repository, "an entry without a path in its file list");
            if (!IsSafe(path)) throw HubErrors.Bad(repository, $"the file name {Quoted.Name(path)}, which leads out of its folder");
            if (Text(file["type"]) != "file") continue;
            var large = file["lfs"] as JsonObject;
            if (Whole(large?["size"] ?? file["size"]) is not { } size || size < 0)
                throw HubErrors.Bad(repository, $"no size of {Quoted.Name(path)}");
            var hash = Text(large is null ? file["oid"] : large["oid"] ?? large["sha256"]);
            Files[path] = (size, hash is not null && BlobHash.Is(hash) ? hash : null);
        }
    }

    // Whatever the system: neither absolute, nor upwards, nor a drive, nor a stream.
    private static bool IsSafe(string path) =>
        path.Length is > 0 and <= 1024 && path.AsSpan().IndexOfAny("\\:") < 0 && !path.Any(char.IsControl)
            && path.Split('/').All(part => part is not ("" or "." or ".."));

    private static string? Text(JsonNode? node) => node is JsonValue value && value.TryGetValue<string>(out var text) ? text : null;

    private static long? Whole(JsonNode? node) => node is JsonValue value && value.TryGetValue<long>(out var number) ? number : null;

    [GeneratedRegex("""<([^<>]+)>\s*;\s*rel="?next"?""")]
    private static partial Regex NextLink();
}
