using PeftSharp.Evaluation.Estimates;

namespace PeftSharp.Cli.Models;

/// <summary>What a run's numbers depend on besides its settings.</summary>
internal static class Machine
{
    /// <summary>Processes that wanted to run in the last minute, on average; null where the system does not tell.</summary>
    public static double? Load
    {
        get
        {
            try
            {
                return double.TryParse(File.ReadAllText("/proc/loadavg").Split(' ')[0], System.Globalization.CultureInfo.InvariantCulture, out var load) ? load : null;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                return null;
            }
        }
    }

    /// <summary>Most memory that this process has held, in bytes.</summary>
    public static long PeakMemory => ProcessMemory.Peak;
}
