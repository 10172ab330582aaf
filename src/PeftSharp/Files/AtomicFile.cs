using System.Text;

namespace PeftSharp.Files;

/// <summary>Writes files so that a reader, or a crash, finds the old content or the new, never a part.</summary>
public static class AtomicFile
{
    /// <summary>
    /// Writes a file: aside in the same folder (created where missing), flushed to the disk, then renamed over
    /// <paramref name="path"/>. Whatever <paramref name="write"/> throws leaves the old file and nothing else.
    /// </summary>
    /// <exception cref="PeftException">The folder or the file cannot be written.</exception>
    public static void Write(string path, Action<Stream> write)
    {
        string? aside = null;
        try
        {
            var target = Path.GetFullPath(path);
            var folder = Path.GetDirectoryName(target) ?? throw new IOException("it is a root folder");
            if (Directory.Exists(target)) throw new IOException("it is a folder");
            Directory.CreateDirectory(folder);
            AtomicLeftovers.Delete(folder, target);
            aside = Path.Combine(folder, $".{Path.GetFileName(target)}.{Path.GetRandomFileName()}.tmp");
            // Open, and so locked, until it has its name: see AtomicLeftovers.
            using (var file = new FileStream(aside, FileMode.CreateNew, FileAccess.Write, FileShare.Delete, 1 << 16))
            {
                write(file);
                file.Flush(flushToDisk: true);
                File.Move(aside, target, overwrite: true);
            }
            aside = null;
            FolderFlush.Flush(folder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException)
        {
            throw new PeftException(
                $"{path} could not be written ({Reason(e)}); check the folder's permissions, the free space and that no program holds "
                + "the file open.",
                e);
        }
        finally
        {
            if (aside is not null) TryDelete(aside);
        }
    }

    /// <summary>Writes a text file in UTF-8 without a byte order mark; see <see cref="Write"/>.</summary>
    /// <exception cref="PeftException">The folder or the file cannot be written.</exception>
    public static void WriteText(string path, string text)
    {
        var bytes = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false).GetBytes(text);
        Write(path, stream => stream.Write(bytes));
    }

    /// <summary>True if a write failed for a reason outside the program: space, permissions, limits.</summary>
    internal static bool IsWriteFailure(Exception failure) =>
        failure is IOException or UnauthorizedAccessException or ArgumentOutOfRangeException { ParamName: "value" };

    /// <summary>Why a write failed, in the system's words, without the path of a file that is gone by now.</summary>
    internal static string Reason(Exception failure) => failure switch
    {
        PeftException { InnerException: { } inner } => Reason(inner),
        // .NET's way of saying EFBIG.
        ArgumentOutOfRangeException => "the file is larger than the file system or a limit of this process allows",
        _ => failure.Message.Split(" : '")[0].TrimEnd('.'),
    };

    // The failure that led here is the one to report.
    private static void TryDelete(string aside)
    {
        try
        {
            File.Delete(aside);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { }
    }
}
