using System.Runtime.InteropServices;

namespace PeftSharp.Checkpoints;

/// <summary>Flushes a folder's own entries to the disk, so that a rename in it outlives a loss of power.</summary>
internal static partial class FolderFlush
{
    /// <summary>Flushes where the system has such a call (Windows writes entries through its journal); a file system that refuses it is let be.</summary>
    public static void Flush(string folder)
    {
        if (OperatingSystem.IsWindows()) return;
        var handle = Open(folder, 0);
        if (handle < 0) return;
        _ = Sync(handle);
        _ = Close(handle);
    }

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync")]
    private static partial int Sync(int handle);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int handle);
}
