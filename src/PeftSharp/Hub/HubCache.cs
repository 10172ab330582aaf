using System.Text;
using PeftSharp.Files;

namespace PeftSharp.Hub;

/// <summary>
/// The cache of huggingface_hub: <c>models--owner--name</c> with <c>blobs</c> (content by entity tag), <c>snapshots</c> (one folder a
/// commit, of links to blobs) and <c>refs</c> (one file a branch or tag, with its commit).
/// </summary>
internal sealed class HubCache(HubSettings settings)
{
    private const int LongestReference = 1024;

    /// <summary>The folder of a commit; it need not exist.</summary>
    public string Snapshot(HubRepository repository, string commit) => Path.Combine(Folder(repository), "snapshots", commit);

    /// <summary>Where the content of an entity tag lies, or will.</summary>
    public string Blob(HubRepository repository, string etag) => Path.Combine(Folder(repository), "blobs", etag);

    /// <summary>Bytes of a blob that are on this disk already.</summary>
    public long Arrived(HubRepository repository, string etag) =>
        new[] { Blob(repository, etag), $"{Blob(repository, etag)}.incomplete" }
            .Select(path => new FileInfo(path))
            .FirstOrDefault(file => file.Exists)?.Length
            ?? 0;

    /// <summary>True if a snapshot has a file of the size that the repository lists.</summary>
    public bool Has(HubRepository repository, string commit, string file, long bytes) =>
        Path.Combine(Snapshot(repository, commit), file) is var path && IsThere(path) && FileSize.Of(path) == bytes;

    /// <summary>The commit that a revision stood for when it was last looked up; null if it never was, or nothing of it is kept.</summary>
    public string? Find(HubRepository repository)
    {
        var commit = repository.Revision;
        if (!repository.IsPinned)
        {
            var reference = Reference(repository);
            if (!File.Exists(reference)) return null;
            commit = Noted(reference).Trim();
        }
        return HubRepository.IsCommit(commit) && Directory.Exists(Snapshot(repository, commit)) ? commit : null;
    }

    /// <summary>Notes which commit a revision stands for. A cache that cannot be written is used all the same.</summary>
    public void Remember(HubRepository repository, string commit)
    {
        if (repository.IsPinned) return;
        try
        {
            var reference = Reference(repository);
            if (!File.Exists(reference) || Noted(reference) != commit) AtomicFile.WriteText(reference, commit);
        }
        catch (Exception e) when (e is PeftException or IOException or UnauthorizedAccessException) { }
    }

    // A note that cannot be read is as good as none.
    private static string Noted(string reference)
    {
        try
        {
            return Encoding.ASCII.GetString(RegularFile.Bytes(reference, LongestReference));
        }
        catch (PeftException)
        {
            return "";
        }
    }

    /// <summary>Waits for the right to fetch an entity tag.</summary>
    public Task<HubLock> LockAsync(HubRepository repository, string etag, Action waiting, CancellationToken cancellation) =>
        HubLock.TakeAsync(Path.Combine(settings.CacheFolder, ".locks", repository.CacheName, $"{etag}.lock"), waiting, cancellation);

    /// <summary>
    /// Makes a snapshot's file of a blob: a relative link, so that a moved cache keeps working; or the blob itself where links cannot be
    /// made.
    /// </summary>
    /// <param name="repository">The repository.</param>
    /// <param name="commit">The snapshot.</param>
    /// <param name="file">The file's name.</param>
    /// <param name="etag">The blob.</param>
    /// <param name="fresh">True if no other snapshot can use the blob yet: it is moved then, not copied.</param>
    public void Place(HubRepository repository, string commit, string file, string etag, bool fresh)
    {
        var (blob, target) = (Blob(repository, etag), Path.Combine(Snapshot(repository, commit), file));
        var folder = Path.GetDirectoryName(target)!;
        Directory.CreateDirectory(folder);
        File.Delete(target); // a link to nothing, if anything
        if (settings.Symlinks && TryLink(target, Path.GetRelativePath(folder, blob))) return;
        if (IsThere(target)) return; // another program was faster
        if (fresh) File.Move(blob, target);
        else AtomicFile.Write(target, stream =>
        {
            using var source = File.OpenRead(blob);
            source.CopyTo(stream);
        });
    }

    /// <summary>Refuses a transfer that would fill the disk.</summary>
    public void CheckSpace(HubRepository repository, UInt128 bytes)
    {
        Directory.CreateDirectory(settings.CacheFolder);
        var free = new DriveInfo(settings.CacheFolder).AvailableFreeSpace;
        if (bytes > (UInt128)free)
            throw new HubException(
                HubProblem.NoSpace,
                $"{repository} needs {bytes:N0} bytes, but the disk of {settings.CacheFolder} has {free:N0} free; free some space, or set "
                + "HF_HUB_CACHE to a folder of another disk.");
    }

    /// <summary>True if a file is there in truth: a link to nothing counts as a file elsewhere.</summary>
    public static bool IsThere(string path)
    {
        try
        {
            var file = new FileInfo(path);
            return file.LinkTarget is null ? file.Exists : file.ResolveLinkTarget(returnFinalTarget: true) is FileInfo { Exists: true };
        }
        catch (IOException)
        {
            return false; // links in a circle
        }
    }

    private string Folder(HubRepository repository) => Path.Combine(settings.CacheFolder, repository.CacheName);

    private string Reference(HubRepository repository) => Path.Combine([Folder(repository), "refs", .. repository.Revision.Split('/')]);

    private static bool TryLink(string link, string to)
    {
        try
        {
            File.CreateSymbolicLink(link, to);
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or PlatformNotSupportedException)
        {
            return false;
        }
    }
}
