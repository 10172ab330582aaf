using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace PeftSharp.Interop;

/// <summary>
/// Tells the system which pages of mapped files are read next, and which are not read again. Advice alone: results are the same.
/// </summary>
internal static unsafe partial class PageAdvice
{
    private const int WillNeed = 3, DontNeed = 4; // Linux

    /// <summary>The bytes will be read soon: the system may begin to fetch them.</summary>
    /// <param name="mapped">A contiguous tensor in a mapped file.</param>
    public static void Expect(Tensor mapped)
    {
        if (!OperatingSystem.IsLinux() || mapped.numel() == 0) return;
        var first = (nint)TensorPointer.Of(mapped);
        var last = first + (nint)(mapped.numel() * mapped.element_size());
        var start = first / Page * Page;
        _ = Advise(start, (nuint)(last - start), WillNeed);
        GC.KeepAlive(mapped);
    }

    /// <summary>
    /// The bytes were read and will not be again: they no longer count as memory of this process. Only for what nobody has written to, for
    /// that would be lost. Pages that other bytes share stay.
    /// </summary>
    /// <param name="address">Where they begin.</param>
    /// <param name="bytes">How many.</param>
    public static void Forget(nint address, long bytes)
    {
        if (!OperatingSystem.IsLinux()) return;
        var start = (address + Page - 1) / Page * Page;
        var end = (nint)(address + bytes) / Page * Page;
        if (end > start) _ = Advise(start, (nuint)(end - start), DontNeed);
    }

    private static nint Page => Environment.SystemPageSize;

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(nint address, nuint length, int advice);
}
