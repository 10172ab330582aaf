using System.Globalization;

namespace PeftSharp.Interop;

/// <summary>How many threads libtorch's operators use.</summary>
public static class TorchThreads
{
    /// <summary>Sets the number of threads, and returns it.</summary>
    /// <param name="threads">
    /// Null: the environment variable OMP_NUM_THREADS where it holds a positive number, else one thread for each physical core that
    /// this process may use (second hardware threads slow matrix products down).
    /// </param>
    public static int Configure(int? threads = null)
    {
        if (threads is < 1) throw new PeftException($"{threads} threads were asked for; at least 1 is needed.");
        LibTorch.EnsureLoaded();
        var count = threads ?? FromEnvironment() ?? Math.Min(Environment.ProcessorCount, PhysicalCores() ?? Environment.ProcessorCount);
        TorchSharp.torch.set_num_threads(count);
        return count;
    }

    private static int? FromEnvironment() =>
        int.TryParse(Environment.GetEnvironmentVariable("OMP_NUM_THREADS"), NumberStyles.None, CultureInfo.InvariantCulture, out var n)
            && n > 0
            ? n
            : null;

    // Only Linux tells this in files; elsewhere the number of processors decides.
    private static int? PhysicalCores()
    {
        const string root = "/sys/devices/system/cpu";
        try
        {
            if (!Directory.Exists(root)) return null;
            var cores = Directory.EnumerateDirectories(root, "cpu*")
                .Select(folder => Path.Combine(folder, "topology", "thread_siblings_list"))
                .Where(File.Exists).Select(File.ReadAllText).Distinct().Count();
            return cores > 0 ? cores : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
