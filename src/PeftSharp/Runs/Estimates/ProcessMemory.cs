using System.Diagnostics;

namespace PeftSharp.Runs.Estimates;

/// <summary>What this process holds, as the system counts it: mapped files that were read are in it.</summary>
public static class ProcessMemory
{
    /// <summary>Bytes held now.</summary>
    internal static long Resident => Environment.WorkingSet;

    /// <summary>Most bytes held so far.</summary>
    public static long Peak
    {
        get
        {
            using var process = Process.GetCurrentProcess();
            return process.PeakWorkingSet64;
        }
    }
}
