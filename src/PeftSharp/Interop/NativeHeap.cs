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

    // Older versions of glibc do not tell.
    private static readonly Lazy<bool> Counts = new(
        () => NativeLibrary.TryLoad("libc.so.6", out var libc) && NativeLibrary.TryGetExport(libc, "mallinfo2", out _));

    // Resident bytes that are holes between tensors, at which they are given back.
    private const long MostHoles = 128L << 20;

    // Resident memory besides the heap's blocks in use, as small as it was seen since the last trim.
    private static long _besides = long.MaxValue;

    /// <summary>
    /// Gives holes back once there are 128 MB more of them than after the last trim. Without this, the heap of glibc 2.36
    /// grows to more holes than tensors within some training steps (docs/benchmarks.md).
    /// </summary>
    public static void TrimHoles() => Ask(() =>
    {
        if (!Counts.Value) return 0;
        var info = MallInfo();
        var besides = Environment.WorkingSet - (long)(info.Used + info.Mapped);
        if (besides <= Math.Min(_besides, long.MaxValue - MostHoles) + MostHoles)
        {
            _besides = Math.Min(_besides, besides);
            return 0;
        }
        var trimmed = MallocTrim(0);
        _besides = Environment.WorkingSet - (long)(info.Used + info.Mapped);
        return trimmed;
    });

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

    [LibraryImport("libc", EntryPoint = "mallinfo2")]
    private static partial HeapInfo MallInfo();

    // struct mallinfo2 of malloc.h (glibc 2.33 and later), in its order.
    private readonly record struct HeapInfo(
        nuint Heap, nuint FreeChunks, nuint FastChunks, nuint MappedBlocks, nuint Mapped, nuint Unused, nuint FastBytes, nuint Used,
        nuint Free, nuint Top);
}
