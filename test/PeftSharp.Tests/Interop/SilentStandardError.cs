using System.Runtime.InteropServices;

namespace PeftSharp.Tests.Interop;

/// <summary>Leads standard error, native code's too, to nowhere for a while; on Windows it does nothing.</summary>
internal sealed class SilentStandardError : IDisposable
{
    private const int Target = 2;
    private readonly int _kept = -1;

    public SilentStandardError()
    {
        if (OperatingSystem.IsWindows()) return;
        _kept = dup(Target);
        using var nowhere = File.OpenHandle("/dev/null", FileMode.Open, FileAccess.Write);
        dup2((int)nowhere.DangerousGetHandle(), Target);
    }

    public void Dispose()
    {
        if (_kept < 0) return;
        dup2(_kept, Target);
        close(_kept);
    }

    [DllImport("libc")]
    private static extern int dup(int descriptor);

    [DllImport("libc")]
    private static extern int dup2(int from, int to);

    [DllImport("libc")]
    private static extern int close(int descriptor);
}
