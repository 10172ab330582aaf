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

    /// <summary>
    /// Until it is disposed, every block of 128 KB or more has pages of its own, which the system has back as soon as it is freed: less
    /// memory where tensors of many sizes come and go, for about a fifth more time. Any number may last at once.
    /// </summary>
    /// <remarks>Who has set glibc's threshold by the environment keeps it.</remarks>
    public static IDisposable ReturnAtOnce() => new Returning();

    private sealed class Returning : IDisposable
    {
        private static readonly Lock Gate = new();
        private static readonly bool IsSetByUser =
            Environment.GetEnvironmentVariable("MALLOC_MMAP_THRESHOLD_") is not null
                || Environment.GetEnvironmentVariable("GLIBC_TUNABLES")?.Contains("mmap_threshold", StringComparison.Ordinal) == true;

        private static int _count;
        private bool _isOver;

        public Returning()
        {
            lock (Gate)
                if (_count++ == 0) SetThreshold(1 << 17);
            Trim();
        }

        public void Dispose()
        {
            lock (Gate)
            {
                if (_isOver) return;
                _isOver = true;
                // Where glibc's own threshold, which follows the largest block that was freed, goes at most.
                if (--_count == 0) SetThreshold(1 << 25);
            }
        }

        private static void SetThreshold(int bytes)
        {
            const int TrimThreshold = -1, MmapThreshold = -3;
            if (IsSetByUser) return;
            Ask(() => Mallopt(MmapThreshold, bytes));
            Ask(() => Mallopt(TrimThreshold, 2 * bytes));
        }
    }

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
