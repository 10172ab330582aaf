using PeftSharp.Files;
namespace PeftSharp.Hub;

/// <summary>Brings models and adapters from a hub into the cache that huggingface_hub uses too.</summary>
/// <param name="settings">Server, cache and patience.</param>
/// <param name="progress">Told how it goes. Default: nobody.</param>
public sealed class HubDownload(HubSettings settings, IHubProgress? progress = null)
{
    // Only weights may be as large as they like.
    private const long LargestText = 512L << 20;

    private readonly HubCache _cache = new(settings);
    private readonly IHubProgress _progress = progress ?? NoProgress.Instance;

    /// <summary>
    /// Fetches what this library reads of a repository, and nothing else: configuration, tokenizer, safetensors. Files that are there
    /// already are not fetched again; a transfer that broke goes on where it broke. Where the server cannot be reached, what was
    /// fetched before is used, and a note says so.
    /// </summary>
    /// <param name="repository">The repository and its revision.</param>
    /// <param name="content">What is wanted of it.</param>
    /// <param name="cancellation">Ends the transfer; what has arrived is kept.</param>
    /// <exception cref="HubException">It cannot be had; <see cref="HubException.Problem"/> says why.</exception>
    public async Task<HubSnapshot> GetAsync(
        HubRepository repository, HubContent content = HubContent.Any, CancellationToken cancellation = default)
    {
        if (settings.Offline)
            return Kept(repository, content) ?? throw new HubException(HubProblem.Offline,
                $"{repository} is not (or not whole) in the cache {settings.CacheFolder}, and HF_HUB_OFFLINE forbids the network; fetch it "
                + "once without HF_HUB_OFFLINE, or give a local folder.");
        // With a copy at hand, nobody waits long for a server that is away.
        using var client = new HubClient(
            Kept(repository, content) is null ? settings : settings with { Attempts = Math.Min(settings.Attempts, 2) });
        try
        {
            return await FetchAsync(client, repository, content, cancellation).ConfigureAwait(false);
        }
        catch (HubException e) when (e.Problem == HubProblem.Unreachable && Kept(repository, content) is { } kept)
        {
            _progress.Note($"{e.Message.TrimEnd('.')}; meanwhile the copy of {repository} in the cache is used (commit {kept.Commit}).");
            return kept;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new PeftException(
                $"The cache {settings.CacheFolder} could not be written ({e.Message.TrimEnd('.')}); check its permissions, or set "
                + "HF_HUB_CACHE to another folder.",
                e);
        }
    }

    private async Task<HubSnapshot> FetchAsync(
        HubClient client, HubRepository repository, HubContent content, CancellationToken cancellation)
    {
        var listing = await HubListing.ReadAsync(client, repository, cancellation).ConfigureAwait(false);
        var files = HubFiles.Choose(listing.Files.Keys, content, $"{repository} at {settings.Endpoint}");
        await MissingAsync(client, repository, listing, files, cancellation).ConfigureAwait(false);
        var folder = _cache.Snapshot(repository, listing.Commit);
        if (files.Contains(HubFiles.Index))
        {
            var shards = HubFiles.Shards(Path.Combine(folder, HubFiles.Index));
            await MissingAsync(client, repository, listing, shards, cancellation).ConfigureAwait(false);
            files.AddRange(shards);
        }
        _cache.Remember(repository, listing.Commit);
        return new(repository, listing.Commit, folder, files);
    }

    private async Task MissingAsync(
        HubClient client, HubRepository repository, HubListing listing, List<string> files, CancellationToken cancellation)
    {
        var missing = new List<HubTransferFile>();
        var needed = UInt128.Zero;
        foreach (var file in files)
        {
            if (!listing.Files.TryGetValue(file, out var entry))
                throw HubErrors.Bad(repository, $"an index of shards that names {Quoted.Name(file)}, which the repository lacks");
            var bytes = entry.Bytes;
            if (_cache.Has(repository, listing.Commit, file, bytes)) continue;
            if (bytes > LargestText && !file.EndsWith(".safetensors", StringComparison.Ordinal))
                throw HubErrors.Bad(repository, $"{Quoted.Name(file)} of {bytes:N0} bytes, which no such file has");
            missing.Add(new(file, bytes) { Hash = entry.Hash });
            needed += (UInt128)(entry.Hash is null ? bytes : Math.Max(0, bytes - _cache.Arrived(repository, entry.Hash)));
        }
        if (missing.Count == 0) return;
        _cache.CheckSpace(repository, needed);
        _progress.Starting(repository, missing);
        var transfer = new HubTransfer(client, _cache, _progress);
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = settings.Parallel, CancellationToken = cancellation };
        await Parallel.ForEachAsync(
            missing, parallel,
            async (file, stop) => await transfer.FetchAsync(repository, listing.Commit, file, stop).ConfigureAwait(false))
            .ConfigureAwait(false);
    }

    // What the cache has of a revision, if it is whole.
    private HubSnapshot? Kept(HubRepository repository, HubContent content)
    {
        if (_cache.Find(repository) is not { } commit) return null;
        var folder = _cache.Snapshot(repository, commit);
        string[] names = [.. HubFiles.NamesIn(folder).Where(name => HubCache.IsThere(Path.Combine(folder, name)))];
        List<string> files;
        try
        {
            files = HubFiles.Choose(names, content, $"{repository} in the cache {settings.CacheFolder}");
        }
        catch (HubException) when (!settings.Offline || !names.Any(HubFiles.IsPickle))
        {
            return null;
        }
        if (!files.Contains(HubFiles.Index)) return new(repository, commit, folder, files);
        var shards = HubFiles.Shards(Path.Combine(folder, HubFiles.Index));
        return shards.All(names.Contains) ? new(repository, commit, folder, [.. files, .. shards]) : null;
    }
}
