using System.Net;
using System.Security.Cryptography;
using System.Text;
using PeftSharp.Files;
using PeftSharp.Interop;

namespace PeftSharp.Hub;

/// <summary>Brings one file into the cache: under its lock, resumed where it broke, compared with its hash.</summary>
internal sealed class HubTransfer(HubClient client, HubCache cache, IHubProgress progress)
{
    private const int Chunk = 1 << 18;

    /// <summary>Sees to it that a snapshot has a file of the size that the repository's list says.</summary>
    public async Task FetchAsync(HubRepository repository, string commit, HubTransferFile file, CancellationToken cancellation)
    {
        var metadata = await HubMetadata.AskAsync(client, repository, commit, file.Name, cancellation).ConfigureAwait(false);
        if (metadata.Bytes != file.Bytes)
            throw HubErrors.Bad(repository, $"two sizes of {Quoted.Name(file.Name)}, {file.Bytes:N0} and {metadata.Bytes:N0} bytes");
        var hash = HashOf(repository, file, metadata);
        var name = hash ?? NameWithoutHash(repository, commit, file, metadata);
        void Waiting() => progress.Note($"{file.Name} of {repository} is being fetched by another program; waiting for it.");
        using var turn = await cache.LockAsync(repository, name, Waiting, cancellation).ConfigureAwait(false);
        var blob = cache.Blob(repository, name);
        // Another program may have left anything under the name.
        var fresh = Length(blob) != file.Bytes
            || (hash is not null && await BlobHash.MatchesAsync(blob, hash, cancellation).ConfigureAwait(false) != true);
        if (cache.Has(repository, commit, file.Name, file.Bytes) || !fresh) progress.Moved(file.Name, file.Bytes);
        else await DownloadAsync(repository, commit, file, hash, blob, cancellation).ConfigureAwait(false);
        if (!cache.Has(repository, commit, file.Name, file.Bytes)) cache.Place(repository, commit, file.Name, name, fresh);
    }

    // The repository's list vouches for the bytes; else a tag that is a hash does.
    private static string? HashOf(HubRepository repository, HubTransferFile file, HubMetadata metadata)
    {
        var tag = metadata is { IsWeak: false, Etag: { } strong } && BlobHash.Is(strong) ? strong : null;
        if (file.Hash is { } listed && tag is not null && tag.Length == listed.Length && tag != listed)
            throw HubErrors.Bad(repository, $"two hashes of {Quoted.Name(file.Name)}, {listed} and {tag}");
        return file.Hash ?? tag;
    }

    // A tag alone may be that of another file, or of another state of this one.
    private string NameWithoutHash(HubRepository repository, string commit, HubTransferFile file, HubMetadata metadata)
    {
        progress.Note($"{file.Name} of {repository} comes without a hash, so that only its size can be checked.");
        var place = SHA256.HashData(Encoding.UTF8.GetBytes($"{commit}\n{file.Name}"));
        return $"{metadata.Etag ?? "untagged"}-{Convert.ToHexStringLower(place)[..16]}";
    }

    private async Task DownloadAsync(
        HubRepository repository, string commit, HubTransferFile file, string? hash, string blob, CancellationToken cancellation)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(blob)!);
        var part = $"{blob}.incomplete";
        var resumed = Length(part) > 0;
        while (true)
        {
            await CompleteAsync(repository, commit, file, part, cancellation).ConfigureAwait(false);
            if (hash is null || await BlobHash.MatchesAsync(part, hash, cancellation).ConfigureAwait(false) == true) break;
            File.Delete(part);
            // What was there before may be to blame; what has just come is the server's.
            if (!resumed)
                throw new HubException(
                    HubProblem.BadAnswer,
                    $"{file.Name} of {repository} arrived with another checksum than {hash}; it was thrown away: try again, and check "
                    + "HF_ENDPOINT and any proxy if that repeats.");
            resumed = false;
            progress.Moved(file.Name, -file.Bytes);
        }
        File.Move(part, blob, overwrite: true);
    }

    private async Task CompleteAsync(
        HubRepository repository, string commit, HubTransferFile file, string part, CancellationToken cancellation)
    {
        // A link, or a pipe, in its place is none of ours.
        if (Length(part) > file.Bytes || FileStat.Of(part, follow: false) is { Kind: not FileKind.File }) File.Delete(part);
        progress.Moved(file.Name, Length(part));
        if (!File.Exists(part)) File.Create(part).Dispose();
        for (var failures = 0; Length(part) < file.Bytes;)
        {
            var before = Length(part);
            Exception broken;
            try
            {
                await AppendAsync(repository, commit, file, part, before, cancellation).ConfigureAwait(false);
                continue;
            }
            catch (BrokenTransferException e)
            {
                broken = e.InnerException!;
            }
            failures = Length(part) > before ? 1 : failures + 1;
            if (failures >= client.Settings.Attempts)
                throw client.Unreachable(
                    $"{file.Name} breaks off after {Length(part):N0} of {file.Bytes:N0} bytes: {HubClient.Say(broken)}", null, broken);
            await client.PauseAsync(failures, null, cancellation).ConfigureAwait(false);
        }
    }

    private async Task AppendAsync(
        HubRepository repository, string commit, HubTransferFile file, string part, long from, CancellationToken cancellation)
    {
        var request = new HubRequest(
            HttpMethod.Get, HubMetadata.Url(client, repository, commit, file.Name), repository)
        { File = file.Name, From = from };
        using var response = await client.SendAsync(request, cancellation).ConfigureAwait(false);
        if (response.StatusCode != HttpStatusCode.RequestedRangeNotSatisfiable && !response.IsSuccessStatusCode)
            throw HubErrors.For(response, request, client.Settings);
        // A server may not know ranges, or give another part than was asked for: from the start then.
        var goesOn = response.StatusCode == HttpStatusCode.PartialContent && response.Content.Headers.ContentRange?.From == from;
        if (!goesOn)
        {
            progress.Moved(file.Name, -from);
            File.WriteAllBytes(part, []);
            if (response.StatusCode != HttpStatusCode.OK)
                throw new BrokenTransferException(new IOException("the server gives no such part"));
            from = 0;
        }
        if (response.Content.Headers.ContentLength is { } length && length > file.Bytes - from)
            throw TooMuch(repository, file);
        var body = await response.Content.ReadAsStreamAsync(cancellation).ConfigureAwait(false);
        using var target = new FileStream(part, FileMode.Append, FileAccess.Write, FileShare.Read, 1);
        var bytes = new byte[Chunk];
        for (var have = from; ;)
        {
            var read = await ReadAsync(body, bytes, cancellation).ConfigureAwait(false);
            if (read == 0 && have < file.Bytes) throw new BrokenTransferException(new IOException("the connection ended"));
            if (read == 0) break;
            if (have + read > file.Bytes) throw TooMuch(repository, file);
            Write(target, bytes.AsSpan(0, read), repository, part);
            have += read;
            progress.Moved(file.Name, read);
        }
        target.Flush(flushToDisk: true);
    }

    private async Task<int> ReadAsync(Stream body, byte[] bytes, CancellationToken cancellation)
    {
        using var patience = client.Patience(cancellation);
        try
        {
            return await body.ReadAsync(bytes, patience.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException || HubClient.IsNetwork(e, cancellation))
        {
            throw new BrokenTransferException(e);
        }
    }

    private static void Write(FileStream target, ReadOnlySpan<byte> bytes, HubRepository repository, string part)
    {
        try
        {
            target.Write(bytes);
        }
        catch (IOException e)
        {
            throw new HubException(
                HubProblem.NoSpace,
                $"{part} could not be written ({e.Message.Split(". ")[0].Split(" : ")[0].TrimEnd('.')}); free some space and ask for "
                + $"{repository} again, which goes on from there.",
                e);
        }
    }

    private static HubException TooMuch(HubRepository repository, HubTransferFile file) =>
        HubErrors.Bad(repository, $"more than the {file.Bytes:N0} bytes that {Quoted.Name(file.Name)} has");

    private static long Length(string path) => new FileInfo(path) is { Exists: true } file ? file.Length : 0;

    private sealed class BrokenTransferException(Exception inner) : Exception(inner.Message, inner);
}
