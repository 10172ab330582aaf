using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using PeftSharp.Interop;

namespace PeftSharp.Files;

/// <summary>
/// SHA-256 of every byte of a file. What was computed once is remembered in the user's cache for the file as the system knows it: its
/// place, device, inode, size, and the times of its last change to the nanosecond. Where any of these is unknown, or too young to tell two
/// changes apart, the file is read again.
/// </summary>
internal static class FileDigest
{
    private const int Chunk = 1 << 20, MostRemembered = 4096;
    private static readonly TimeSpan Young = TimeSpan.FromSeconds(2);

    /// <summary>The digest, in lower-case hex.</summary>
    /// <param name="file">The file; links are followed.</param>
    /// <param name="cache">Where digests are remembered; null for nowhere.</param>
    /// <exception cref="PeftException">The file cannot be read, or changes while it is.</exception>
    public static string Of(string file, string? cache)
    {
        try
        {
            var before = FileStat.Of(file);
            if (before is { Kind: not FileKind.File }) throw new PeftException($"{file} is no file; give a model folder that holds files.");
            var entry = cache is null || Key(file, before) is not { } key ? null : Path.Combine(cache, key);
            if (entry is not null && Remembered(entry) is { } known) return known;
            var digest = Read(file);
            if (FileStat.Of(file) != before)
                throw new PeftException($"{file} changed while it was read; leave the file in place while it is in use.");
            if (entry is not null) Remember(entry, digest);
            return digest;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new PeftException(
                $"{file} could not be read ({e.Message.TrimEnd('.')}); check that the file is there and may be read.", e);
        }
    }

    /// <summary>Where digests are remembered; null where the user has no folder for that.</summary>
    public static string? DefaultCache => UserCache.Path("digests");

    private static string Read(string file)
    {
        using var handle = File.OpenHandle(file, options: FileOptions.SequentialScan);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var chunk = new byte[Chunk];
        for (var done = 0L; RandomAccess.Read(handle, chunk, done) is > 0 and var read; done += read) hash.AppendData(chunk, 0, read);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    // A change within the clock's grain would leave the same times.
    private static string? Key(string file, FileStat? found)
    {
        if (found is not { Inode: not 0, Changed: not 0 } stat) return null;
        var now = (DateTime.UtcNow - DateTime.UnixEpoch).Ticks * 100;
        if (now - Math.Max(stat.Changed, stat.Modified) < Young.Ticks * 100) return null;
        var text = string.Create(
            CultureInfo.InvariantCulture,
            $"{Path.GetFullPath(file)}\n{stat.Device} {stat.Inode} {stat.Size} {stat.Modified} {stat.Changed}");
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
    }

    private static string? Remembered(string entry)
    {
        try
        {
            if (FileStat.Of(entry, follow: false) is not { Kind: FileKind.File, Size: 64 } found || found.Owner != FileStat.User)
                return null;
            var text = File.ReadAllText(entry);
            return text.Length == 64 && text.All(char.IsAsciiHexDigitLower) ? text : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    // A cache: nothing that goes wrong with it matters.
    private static void Remember(string entry, string digest)
    {
        try
        {
            var folder = Path.GetDirectoryName(entry)!;
            if (Directory.Exists(folder) && Directory.EnumerateFiles(folder).Take(MostRemembered).Count() == MostRemembered)
                foreach (var old in new DirectoryInfo(folder).EnumerateFiles().OrderBy(f => f.LastWriteTimeUtc).Take(MostRemembered / 2))
                    old.Delete();
            AtomicFile.WriteText(entry, digest);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or PeftException) { }
    }
}
