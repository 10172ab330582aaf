using System.Globalization;

namespace PeftSharp.Interop;

/// <summary>How busy the machine is, as Linux tells it.</summary>
/// <param name="Average">Programs that wanted to run in the last minute, on average.</param>
/// <param name="Running">Threads that run or want to at this moment, the one that asks among them.</param>
internal readonly record struct MachineLoad(double Average, int Running)
{
    /// <summary>The load now; null where the system does not tell.</summary>
    public static MachineLoad? Now
    {
        get
        {
            try
            {
                var fields = File.ReadAllText("/proc/loadavg").Split(' ');
                return new(
                    double.Parse(fields[0], CultureInfo.InvariantCulture),
                    int.Parse(fields[3].Split('/')[0], CultureInfo.InvariantCulture));
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException or IndexOutOfRangeException)
            {
                return null;
            }
        }
    }

    /// <summary>True if the last minute kept more than half of the processors busy.</summary>
    public bool IsHigh => Average > 0.5 * Environment.ProcessorCount;
}
