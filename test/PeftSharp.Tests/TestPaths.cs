namespace PeftSharp.Tests;

/// <summary>Where tests find their files.</summary>
internal static class TestPaths
{
    /// <summary>The folder of real models and datasets, or null on a machine without it.</summary>
    public static string? Shared { get; } = FindAbove(AppContext.BaseDirectory) ?? FindAbove(Directory.GetCurrentDirectory());

    /// <summary>A file of the fixtures that travel with the tests.</summary>
    public static string Fixture(params string[] parts) => Path.Combine([AppContext.BaseDirectory, "fixtures", .. parts]);

    /// <summary>A file of the shared folder; skips the test where it is absent.</summary>
    public static string RequireShared(params string[] parts)
    {
        if (Shared is null) Assert.Skip("The folder of shared models and datasets is not on this machine.");
        var path = Path.Combine([Shared, .. parts]);
        if (!Path.Exists(path)) Assert.Skip($"{Path.Combine(parts)} is not in the shared folder of this machine.");
        return path;
    }

    /// <summary>A file of the repository; skips the test where the tests were taken out of it.</summary>
    public static string RequireRepository(params string[] parts)
    {
        var root = new DirectoryInfo(AppContext.BaseDirectory);
        while (root is not null && !File.Exists(Path.Combine(root.FullName, "PeftSharp.slnx"))) root = root.Parent;
        if (root is null) Assert.Skip("The repository is not above the tests' folder.");
        return Path.Combine([root.FullName, .. parts]);
    }

    /// <summary>
    /// A new, empty folder for a test; in memory where there is such a place, so that flushes to a busy disk are not waited for.
    /// </summary>
    public static string Temporary(string prefix)
    {
        const string memory = "/dev/shm";
        if (!Directory.Exists(memory) || new DriveInfo(memory).AvailableFreeSpace < 256 << 20)
            return Directory.CreateTempSubdirectory(prefix).FullName;
        return Directory.CreateDirectory(Path.Combine(memory, prefix + Path.GetRandomFileName())).FullName;
    }

    private static string? FindAbove(string start)
    {
        for (var folder = new DirectoryInfo(start); folder is not null; folder = folder.Parent)
        {
            var shared = Path.Combine(folder.FullName, "shared");
            if (Directory.Exists(Path.Combine(shared, "models"))) return shared;
        }
        return null;
    }
}
