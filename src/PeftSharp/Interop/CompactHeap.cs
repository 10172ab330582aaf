using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;

namespace PeftSharp.Interop;

/// <summary>
/// Settings of the C library's heap with which training takes up to a third less memory, and which only the start of a program can make.
/// </summary>
/// <remarks>
/// libtorch aligns every tensor to 64 bytes. glibc before 2.39 puts what aligning leaves over, before and behind a block, into caches of
/// small blocks, where it can be joined with nothing (glibc's bug 30723): the room of a freed tensor is then too small for the next one of
/// its size, and the heap grows although most of it is free. Without these caches freed rooms join again. They can be switched off by the
/// environment variable <c>GLIBC_TUNABLES</c> alone, which is read before a program's first instruction.
/// </remarks>
public static unsafe partial class CompactHeap
{
    private const string Variable = "GLIBC_TUNABLES", Cache = "glibc.malloc.tcache_count", FastBins = "glibc.malloc.mxfast";

    // The first that joins what aligning leaves over.
    private static readonly Version _mended = new(2, 39);

    /// <summary>
    /// Starts this program anew, in the same process and with the same arguments, with these settings. Does nothing where they are made
    /// already or have a value of the user's own, with a newer or another C library, under a debugger, and where the system refuses. To be
    /// called first in a program: what it has done before is done again.
    /// </summary>
    public static void Ensure()
    {
        if (!OperatingSystem.IsLinux() || Debugger.IsAttached) return;
        if (Asked(LibraryVersion(), Environment.GetEnvironmentVariable(Variable)) is not { } settings) return;
        try
        {
            if (File.ResolveLinkTarget("/proc/self/exe", returnFinalTarget: false)?.FullName is not { } program) return;
            var arguments = File.ReadAllBytes("/proc/self/cmdline");
            if (arguments.Length == 0 || arguments[^1] != 0 || SetEnvironment(Variable, settings, 1) != 0) return;
            Start(program, arguments);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Without /proc the program goes on as it is.
        }
    }

    /// <summary>What the variable is to say; null if it stays as it is.</summary>
    /// <param name="library">The version of glibc; null for another C library.</param>
    /// <param name="now">What it says; null or empty for nothing.</param>
    internal static string? Asked(Version? library, string? now)
    {
        if (library is null || library >= _mended) return null;
        if (now is not null && now.Contains(Cache, StringComparison.Ordinal)) return null;
        var added = $"{Cache}=0" + (now is not null && now.Contains(FastBins, StringComparison.Ordinal) ? "" : $":{FastBins}=0");
        return string.IsNullOrEmpty(now) ? added : $"{now}:{added}";
    }

    private static Version? LibraryVersion()
    {
        try
        {
            return Version.TryParse(Marshal.PtrToStringUTF8(GlibcVersion()), out var version) ? version : null;
        }
        catch (Exception e) when (e is EntryPointNotFoundException or DllNotFoundException)
        {
            return null;
        }
    }

    // Arguments are handed on as the bytes that they are, each with a zero behind it. Returns only where the system refuses.
    private static void Start(string program, byte[] arguments)
    {
        var starts = new nint[arguments.Count(b => b == 0) + 1]; // a null at the end
        fixed (byte* path = Encoding.UTF8.GetBytes(program + "\0"), first = arguments)
        fixed (nint* list = starts)
        {
            var (at, count) = (0, 0);
            while (at < arguments.Length)
            {
                starts[count++] = (nint)(first + at);
                at = Array.IndexOf(arguments, (byte)0, at) + 1;
            }
            _ = Execute(path, list);
        }
    }

    [LibraryImport("libc", EntryPoint = "gnu_get_libc_version")]
    private static partial nint GlibcVersion();

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetEnvironment(string name, string value, int overwrite);

    [LibraryImport("libc", EntryPoint = "execv")]
    private static partial int Execute(byte* path, nint* arguments);
}
