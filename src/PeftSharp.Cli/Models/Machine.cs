using System.Diagnostics;
using System.Runtime.InteropServices;

namespace PeftSharp.Cli.Models;

/// <summary>What a run's numbers depend on besides its settings.</summary>
internal static class Machine
{
    public static string Processor
    {
        get
        {
            const string linux = "/proc/cpuinfo";
            var line = File.Exists(linux) ? File.ReadLines(linux).FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal)) : null;
            return line?.Split(':', 2)[^1].Trim() ?? Environment.GetEnvironmentVariable("PROCESSOR_IDENTIFIER") ?? $"{RuntimeInformation.ProcessArchitecture}";
        }
    }

    /// <summary>Most memory that this process has held, in bytes.</summary>
    public static long PeakMemory
    {
        get
        {
            using var process = Process.GetCurrentProcess();
            return process.PeakWorkingSet64;
        }
    }
}
