using System.Runtime.InteropServices;

namespace PeftSharp.Interop;

/// <summary>The C library's heap, in which libtorch keeps what it computes. With a C library other than glibc, nothing is done.</summary>
internal static partial class NativeHeap
{
    // False once the C library has turned out to be another one.
    private static bool _isGlibc = OperatingSystem.IsLinux();

    /// <summary>
    /// One heap for all threads: glibc gives each its own, and what one has freed no other uses, which costs a tenth of the memory.
    /// </summary>
    public static void ShareOneArena()
    {
        const int ArenaMax = -8;
        Ask(() => Mallopt(ArenaMax, 1));
    }

    /// <summary>
    /// Gives free memory between used blocks back to the system (milliseconds); tensors of many sizes leave much of it behind.
    /// </summary>
    public static void Trim() => Ask(() => MallocTrim(0));

    private static void Ask(Func<int> what)
    {
        if (!_isGlibc) return;
        try
        {
            _ = what();
        }
        catch (EntryPointNotFoundException)
        {
            _isGlibc = false;
        }
    }

    [LibraryImport("libc", EntryPoint = "mallopt")]
    private static partial int Mallopt(int parameter, int value);

    [LibraryImport("libc", EntryPoint = "malloc_trim")]
    private static partial int MallocTrim(nint keep);
}
