using PeftSharp.Runs.Estimates;

namespace PeftSharp.Cli.Models;

/// <summary>What a run's numbers depend on besides its settings.</summary>
internal static class Machine
{
    /// <summary>Most memory that this process has held, in bytes.</summary>
    public static long PeakMemory => ProcessMemory.Peak;
}
