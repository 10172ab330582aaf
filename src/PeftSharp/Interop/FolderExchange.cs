using System.Runtime.InteropServices;

namespace PeftSharp.Interop;

/// <summary>Lets two folders change their names in one step, so that no moment knows neither.</summary>
internal static partial class FolderExchange
{
    private const int CurrentFolder = -100;
    private const uint Swap = 2;

    /// <summary>Exchanges two folders of one file system; false where the system cannot, and nothing has changed then.</summary>
    public static bool TryExchange(string one, string other)
    {
        try
        {
            if (OperatingSystem.IsLinux()) return RenameAt(CurrentFolder, one, CurrentFolder, other, Swap) == 0;
            return OperatingSystem.IsMacOS() && Rename(one, other, Swap) == 0;
        }
        catch (EntryPointNotFoundException)
        {
            return false;
        }
    }

    [LibraryImport("libc", EntryPoint = "renameat2", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int RenameAt(int oneFolder, string one, int otherFolder, string other, uint flags);

    [LibraryImport("libc", EntryPoint = "renamex_np", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Rename(string one, string other, uint flags);
}
