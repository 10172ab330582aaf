using System.Runtime.InteropServices;

namespace PeftSharp.Files;

/// <summary>Flushes a folder's own entries to the disk, so that a rename in it outlives a loss of power.</summary>
internal static partial class FolderFlush
{
    /// <summary>
    /// Flushes where the system has such a call (Windows writes entries through its journal); a file system that refuses it is let be.
    /// </summary>
    public static void Flush(string folder)
    {
        if (OperatingSystem.IsWindows()) return;
        var handle = Open(folder, 0);
        if (handle < 0) return;
        _ = Sync(handle);
        _ = Close(handle);
    }

    /// <summary>Flushes a folder, the folders below it and all their files; links are passed over.</summary>
    /// <exception cref="IOException">The system could not write a file down.</exception>
    public static void FlushAll(string folder)
    {
        var access = OperatingSystem.IsWindows() ? FileAccess.ReadWrite : FileAccess.Read;
        foreach (var entry in new DirectoryInfo(folder).EnumerateFileSystemInfos())
        {
            if (entry.LinkTarget is not null) continue;
            if (entry is DirectoryInfo) FlushAll(entry.FullName);
            else
            {
                using var file = File.OpenHandle(entry.FullName, FileMode.Open, access, FileShare.ReadWrite | FileShare.Delete);
                RandomAccess.FlushToDisk(file);
            }
        }
        Flush(folder);
    }

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync")]
    private static partial int Sync(int handle);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int handle);
}
