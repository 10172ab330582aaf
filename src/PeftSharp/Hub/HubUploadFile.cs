using System.Security.Cryptography;
using PeftSharp.Files;

namespace PeftSharp.Hub;

/// <summary>A file to upload: its path in the repository, and where its bytes come from.</summary>
public sealed class HubUploadFile
{
    private const int SampleLength = 512;

    private readonly Func<Stream> _open;

    private HubUploadFile(string name, long bytes, Func<Stream> open) => (Name, Bytes, _open) = (name, bytes, open);

    /// <summary>The path in the repository.</summary>
    public string Name { get; }

    /// <summary>The size.</summary>
    public long Bytes { get; }

    /// <summary>
    /// A file of this machine, under a name of the repository. Where the system gives it no length it is empty: a pipe is not waited for.
    /// </summary>
    /// <exception cref="PeftException">There is no such file.</exception>
    internal static HubUploadFile Of(string path, string name) => File.Exists(path)
        ? new(
            name, FileSize.Of(path),
            () => FileSize.Of(path) == 0 ? Stream.Null : new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 16))
        : throw new PeftException($"{path} does not exist; give files that do.");

    /// <summary>Bytes of memory, under a name of the repository.</summary>
    public static HubUploadFile Of(byte[] content, string name) =>
        new(name, content.Length, () => new MemoryStream(content, writable: false));

    internal Stream Open() => _open();

    internal byte[] All()
    {
        using var stream = _open();
        var bytes = new byte[Bytes];
        stream.ReadExactly(bytes);
        return bytes;
    }

    /// <summary>The first bytes, from which the server tells text from data.</summary>
    internal byte[] Sample()
    {
        using var stream = _open();
        var bytes = new byte[Math.Min(SampleLength, Bytes)];
        stream.ReadExactly(bytes);
        return bytes;
    }

    internal async Task<string> Sha256Async(CancellationToken cancellation)
    {
        using var stream = _open();
        return Convert.ToHexStringLower(await SHA256.HashDataAsync(stream, cancellation).ConfigureAwait(false));
    }
}
