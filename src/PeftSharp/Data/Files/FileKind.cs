using System.Runtime.InteropServices;

namespace PeftSharp.Data.Files;

/// <summary>Tells files from devices and pipes, which .NET calls files too, and whose opening may wait for ever.</summary>
internal static partial class FileKind
{
    private const int TypeMask = 0xF000, Regular = 0x8000;

    /// <summary>True unless the path (links followed) is known to be no regular file.</summary>
    public static bool IsRegular(string path)
    {
        if (OperatingSystem.IsWindows()) return true;
        try
        {
            // Larger than the runtime's FileStatus, whose second field is the mode.
            Span<int> status = stackalloc int[64];
            return Stat(path, ref MemoryMarshal.GetReference(status)) != 0 || (status[1] & TypeMask) == Regular;
        }
        catch (Exception e) when (e is EntryPointNotFoundException or DllNotFoundException)
        {
            return true;
        }
    }

    // The runtime's own: it hides how each system lays out a stat.
    [LibraryImport("libSystem.Native", EntryPoint = "SystemNative_Stat", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Stat(string path, ref int status);
}
