using System.Runtime.InteropServices;

namespace PeftSharp.Benchmarks;

/// <summary>What the C library's heap (glibc 2.33 and later) has handed out and holds free.</summary>
internal static partial class NativeHeapUse
{
    /// <summary>Whether the C library is one that counts.</summary>
    public static bool IsCounted { get; } = OperatingSystem.IsLinux() && NativeLibrary.TryLoad("libc.so.6", out var library)
        && NativeLibrary.TryGetExport(library, "mallinfo2", out _);

    /// <summary>Bytes in use, blocks mapped on their own included, and bytes that are free between them.</summary>
    public static (long Used, long Free) Now
    {
        get
        {
            var info = MallInfo();
            return ((long)(info.Used + info.Mapped), (long)info.Free);
        }
    }

    [LibraryImport("libc", EntryPoint = "mallinfo2")]
    private static partial Info MallInfo();

    // struct mallinfo2 of malloc.h, in its order.
    private readonly record struct Info(
        nuint Heap, nuint FreeChunks, nuint FastChunks, nuint MappedBlocks, nuint Mapped, nuint Unused, nuint FastBytes, nuint Used,
        nuint Free, nuint Top);
}
