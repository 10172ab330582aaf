using PeftSharp.Files;

namespace PeftSharp.Files;

/// <summary>
/// The one opener of files that have an end: what lies there is looked at before it is opened, for a pipe would be waited for and a device
/// never ends. Links are followed; a circle of links is refused.
/// </summary>
internal static class RegularFile
{
    /// <summary>The length in bytes of what the path leads to; at least 1.</summary>
    /// <exception cref="PeftException">There is no such file, it is a folder, it has no content, or it is a pipe, a socket or a
    /// device.</exception>
    public static long Length(string path, string advice = "check the path and its permissions")
    {
        try
        {
            if (Directory.Exists(path)) throw new PeftException($"{path} is a folder, where a file was expected; {advice}.");
            var length = FileSize.Of(path);
            // The system gives a length to nothing but regular files.
            return length > 0 ? length
                : throw new PeftException(
                    $"{path} has no content, or is no regular file (a pipe, a socket, a device, a link to one); {advice}.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw Unreadable(path, e, advice);
        }
    }

    /// <summary>Opens a regular file for reading; others may read, replace or delete it meanwhile.</summary>
    /// <exception cref="PeftException">As <see cref="Length"/>, or the file cannot be read.</exception>
    public static FileStream Open(string path, string advice = "check the path and its permissions")
    {
        _ = Length(path, advice);
        try
        {
            return new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Unreadable(path, e, advice);
        }
    }

    /// <summary>The whole of a file of at most <paramref name="most"/> bytes.</summary>
    /// <exception cref="PeftException">As <see cref="Open"/>, or the file is larger.</exception>
    public static byte[] Bytes(string path, long most, string advice = "check that it is the right file")
    {
        if (Length(path, advice) > most) throw TooLarge(path, most, advice);
        using var file = Open(path, advice);
        try
        {
            var length = file.Length;
            if (length > most) throw TooLarge(path, most, advice);
            var bytes = new byte[length];
            file.ReadExactly(bytes);
            return bytes;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Unreadable(path, e, advice);
        }
    }

    private static PeftException TooLarge(string path, long most, string advice) =>
        new($"{path} has more than {most:N0} bytes, which no file of its kind has; {advice}.");

    private static PeftException Unreadable(string path, Exception e, string advice) =>
        new($"{path} could not be read ({AtomicFile.Reason(e)}); {advice}.", e);
}
