using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace PeftSharp.Hub;

/// <summary>Compares a file with its entity tag: SHA-256 of large files, git's SHA-1 of small ones.</summary>
internal static class BlobHash
{
    /// <summary>True if a text can be one of the hashes, in lower-case hex.</summary>
    public static bool Is(string text) => text.Length is 40 or 64 && text.All(char.IsAsciiHexDigitLower);

    /// <summary>True if the content is the tag's; null if the tag is neither hash, so that nothing can be said.</summary>
    public static async Task<bool?> MatchesAsync(string path, string etag, CancellationToken cancellation)
    {
        if (!Is(etag)) return null;
        var bytes = new byte[1 << 20];
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1);
        using var hash = IncrementalHash.CreateHash(etag.Length == 64 ? HashAlgorithmName.SHA256 : HashAlgorithmName.SHA1);
        if (etag.Length == 40)
            hash.AppendData(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"blob {file.Length}\0")));
        while (await file.ReadAsync(bytes, cancellation).ConfigureAwait(false) is > 0 and var read) hash.AppendData(bytes, 0, read);
        return Convert.ToHexStringLower(hash.GetHashAndReset()) == etag;
    }
}
