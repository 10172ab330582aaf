using System.Globalization;

namespace PeftSharp.Runs.Estimates;

/// <summary>How much memory this process may hold in all.</summary>
/// <param name="Bytes">Bytes, those that it holds already included.</param>
/// <param name="Limit">The bytes of the control group's limit where that decides; null where the machine's free memory does.</param>
public sealed record MachineMemory(long Bytes, long? Limit)
{
    /// <summary>Asks the system: free memory, and the limits of the control groups (version 1 or 2) that this process is in.</summary>
    public static MachineMemory Read() => OperatingSystem.IsLinux()
        ? Read("/proc", "/sys/fs/cgroup", ProcessMemory.Resident)
        : new(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes, null);

    internal static MachineMemory Read(string proc, string groups, long resident)
    {
        var result = new MachineMemory(
            Field(Path.Combine(proc, "meminfo"), "MemAvailable:") is { } free ? (free << 10) + resident : long.MaxValue, null);
        foreach (var folder in Folders(proc, groups))
        {
            var second = File.Exists(Path.Combine(folder, "memory.max"));
            if (Number(Path.Combine(folder, second ? "memory.max" : "memory.limit_in_bytes")) is not { } limit) continue;
            var used = Number(Path.Combine(folder, second ? "memory.current" : "memory.usage_in_bytes")) ?? 0;
            // The system drops cached files before it refuses memory.
            var cached = Field(Path.Combine(folder, "memory.stat"), second ? "inactive_file" : "total_inactive_file") ?? 0;
            // What is not this process's own; "no limit" is a number near the largest, to which nothing may be added.
            var others = Math.Max(0, Math.Max(0, used - cached) - resident);
            var available = Math.Max(0, limit - others);
            if (available < result.Bytes) result = new(available, limit);
        }
        return result;
    }

    // The process's own group and all above it; in a container that shows only its own part, the root is that part.
    private static IEnumerable<string> Folders(string proc, string groups)
    {
        foreach (var line in Lines(Path.Combine(proc, "self", "cgroup")))
        {
            if (line.Split(':', 3) is not [_, var controllers, var path]) continue;
            if (controllers.Length > 0 && !controllers.Split(',').Contains("memory")) continue;
            var root = controllers.Length > 0 ? Path.Combine(groups, "memory") : groups;
            var parts = path.Split('/', StringSplitOptions.RemoveEmptyEntries);
            for (var depth = parts.Length; depth >= 0; depth--) yield return Path.Combine([root, .. parts[..depth]]);
        }
    }

    private static long? Number(string file) =>
        Lines(file) is [var text, ..] && long.TryParse(text.Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var value)
            ? value
            : null;

    private static long? Field(string file, string name) =>
        Lines(file).Select(line => line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))
            .FirstOrDefault(words => words.Length > 1 && words[0] == name) is { } found
        && long.TryParse(found[1], NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : null;

    private static string[] Lines(string file)
    {
        try
        {
            return File.Exists(file) ? File.ReadAllLines(file) : [];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }
}
