namespace PeftSharp.Files;

/// <summary>Writes and deletes folders so that a reader, or a crash, finds them whole or not at all.</summary>
internal static class AtomicFolder
{
    private const string Ending = ".tmp";

    /// <summary>
    /// Writes a folder: aside as a sibling, flushed to the disk, then renamed to <paramref name="path"/>; what stood there is deleted
    /// first.
    /// </summary>
    /// <param name="path">The folder.</param>
    /// <param name="write">Writes its files, flushed (<see cref="AtomicFile"/>), into the folder that it is given.</param>
    /// <exception cref="PeftException">Something cannot be written; nothing is left behind.</exception>
    public static void Write(string path, Action<string> write)
    {
        var target = Path.GetFullPath(path);
        var parent = Path.GetDirectoryName(target) ?? throw new PeftException($"{path} is a root folder, which cannot be written as one.");
        var aside = Aside(target);
        try
        {
            Directory.CreateDirectory(aside);
            write(aside);
            FolderFlush.Flush(aside);
            if (Directory.Exists(target)) Delete(target);
            Directory.Move(aside, target);
            FolderFlush.Flush(parent);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new PeftException(
                $"{path} could not be written ({e.Message.TrimEnd('.')}); check the folder's permissions and the free space.", e);
        }
        finally
        {
            TryDelete(aside);
        }
    }

    /// <summary>Deletes a folder: renamed first, so that no part of it is ever taken for the whole.</summary>
    /// <exception cref="IOException">It cannot be renamed.</exception>
    public static void Delete(string path)
    {
        var aside = Aside(Path.GetFullPath(path));
        Directory.Move(path, aside);
        TryDelete(aside);
    }

    /// <summary>Deletes what killed programs left half written or half deleted in a folder.</summary>
    public static void CleanUp(string folder)
    {
        if (!Directory.Exists(folder)) return;
        foreach (var left in Directory.EnumerateDirectories(folder, $".*{Ending}")) TryDelete(left);
    }

    private static string Aside(string target) =>
        Path.Combine(Path.GetDirectoryName(target)!, $".{Path.GetFileName(target)}.{Path.GetRandomFileName()}{Ending}");

    // The failure that led here, if any, is the one to report; what stays is cleaned up next time.
    private static void TryDelete(string folder)
    {
        try
        {
            if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { }
    }
}
