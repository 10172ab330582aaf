using System.Globalization;

namespace PeftSharp.Benchmarks;

/// <summary>This process's memory in bytes, as Linux counts it.</summary>
internal static class ResidentMemory
{
    /// <summary>Resident now, mapped files included.</summary>
    public static long Now => Field("VmRSS:");

    /// <summary>Resident now, mapped files left out.</summary>
    public static long Anonymous => Field("RssAnon:");

    /// <summary>Resident now of mapped files.</summary>
    public static long Files => Field("RssFile:");

    /// <summary>Most resident since the start, or since <see cref="Reset"/>.</summary>
    public static long Peak => Field("VmHWM:");

    /// <summary>Lets the peak begin anew.</summary>
    public static void Reset() => File.WriteAllText("/proc/self/clear_refs", "5");

    private static long Field(string name) =>
        long.Parse(
            File.ReadLines("/proc/self/status").First(line => line.StartsWith(name, StringComparison.Ordinal))
                .Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) << 10;
}
