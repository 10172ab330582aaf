using System.Globalization;
using PeftSharp.Files;

namespace PeftSharp.Hub;

/// <summary>What a hub says about a file before it is fetched.</summary>
/// <param name="Etag">The entity tag, fit for a name in the cache; null if there is none.</param>
/// <param name="IsWeak">True if the tag does not vouch for every byte.</param>
/// <param name="Bytes">The size.</param>
internal sealed record HubMetadata(string? Etag, bool IsWeak, long Bytes)
{
    private const int LongestEtag = 128;
    private const string Weak = "W/";

    /// <summary>Asks. A redirect to storage elsewhere carries the answer itself; others are followed to it.</summary>
    public static async Task<HubMetadata> AskAsync(
        HubClient client, HubRepository repository, string commit, string file, CancellationToken cancellation)
    {
        string? etag = null, size = null, own = null;
        bool Collect(HttpResponseMessage response)
        {
            own ??= HubErrors.Header(response, "X-Repo-Commit");
            size ??= HubErrors.Header(response, "X-Linked-Size");
            etag ??= HubErrors.Header(response, "X-Linked-Etag");
            return own is not null && etag is not null && size is not null;
        }
        var request = new HubRequest(HttpMethod.Head, Url(client, repository, commit, file), repository) { File = file, Enough = Collect };
        using var response = await client.SendAsync(request, cancellation).ConfigureAwait(false);
        if (!response.IsSuccessStatusCode && (int)response.StatusCode / 100 != 3) throw HubErrors.For(response, request, client.Settings);
        etag ??= HubErrors.Header(response, "ETag");
        var bytes = long.TryParse(size, NumberStyles.None, CultureInfo.InvariantCulture, out var linked)
            ? linked
            : response.Content.Headers.ContentLength;
        if (own != commit)
            throw HubErrors.Bad(request, $"another commit of {Quoted.Name(file)} ({Quoted.Name(own ?? "none")} instead of {commit})");
        return new(
            Checked(etag, request), etag?.StartsWith(Weak, StringComparison.Ordinal) == true,
            bytes ?? throw HubErrors.Bad(request, $"no size of {Quoted.Name(file)}"));
    }

    /// <summary>Where a file of a commit is.</summary>
    public static Uri Url(HubClient client, HubRepository repository, string commit, string file) =>
        client.Url($"{repository.Id}/resolve/{commit}/{string.Join('/', file.Split('/').Select(Uri.EscapeDataString))}");

    // It becomes a file name.
    private static string? Checked(string? header, HubRequest request)
    {
        var etag = header ?? "";
        if (etag.StartsWith(Weak, StringComparison.Ordinal)) etag = etag[Weak.Length..];
        etag = etag.Trim('"');
        if (etag.Length == 0) return null;
        return etag.Length <= LongestEtag && etag.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_') ? etag
            : throw HubErrors.Bad(request, $"no usable entity tag of {Quoted.Name(request.File!)} ({Quoted.Name(header!)})");
    }
}
