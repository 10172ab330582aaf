using PeftSharp.Interop;

namespace PeftSharp.Runs;

/// <summary>
/// Holds a folder, a run's or a comparison's, for one process. The system lets go of the lock when the process ends, however it ends.
/// </summary>
internal sealed class FolderLock : IDisposable
{
    // EAGAIN of Linux and of macOS, and Windows' sharing violation.
    private static readonly int[] Taken = [11, 35, unchecked((int)0x80070020)];

    private readonly FileStream _file;

    private FolderLock(FileStream file) => _file = file;

    /// <summary>Takes the lock of a folder that exists, a file <c>lock</c> in it; null if a living process has it.</summary>
    /// <exception cref="PeftException">Something other than a file has the lock's name.</exception>
    /// <exception cref="IOException">The folder cannot be written.</exception>
    public static FolderLock? TryTake(string folder)
    {
        var path = Path.Combine(folder, "lock");
        if (FileStat.Of(path, follow: false) is { Kind: not FileKind.File })
            throw new PeftException($"{path} is a link or no file at all, so this program did not make it; move it away.");
        while (true)
        {
            try
            {
                var file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, 1, FileOptions.DeleteOnClose);
                // The process before may have deleted the file between our opening and locking it.
                if (File.Exists(path)) return new(file);
                file.Dispose();
                Directory.CreateDirectory(folder);
            }
            catch (IOException e) when (Taken.Contains(e.HResult))
            {
                return null;
            }
        }
    }

    /// <summary>True if a living process has the lock of a folder; takes nothing.</summary>
    public static bool IsTaken(string folder)
    {
        if (FileStat.Of(Path.Combine(folder, "lock"), follow: false) is not { Kind: FileKind.File }) return false;
        try
        {
            using var file = new FileStream(Path.Combine(folder, "lock"), FileMode.Open, FileAccess.ReadWrite, FileShare.None, 1);
            return false;
        }
        catch (IOException e)
        {
            return Taken.Contains(e.HResult);
        }
    }

    /// <summary>Lets go of the folder.</summary>
    public void Dispose() => _file.Dispose();
}
