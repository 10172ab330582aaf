namespace PeftSharp.Tests;

/// <summary>Where tests find their files.</summary>
internal static class TestPaths
{
    /// <summary>The folder of shared models and data, or null on a machine that has none.</summary>
    public static string? Shared { get; } = Find(AppContext.BaseDirectory) ?? Find(Directory.GetCurrentDirectory());

    /// <summary>A committed fixture.</summary>
    public static string Fixture(params string[] parts) => Path.Combine([AppContext.BaseDirectory, "fixtures", .. parts]);

    /// <summary>A file or folder of the shared folder; skips the test where it is absent.</summary>
    public static string RequireShared(params string[] parts)
    {
        var path = Shared is null ? null : Path.Combine([Shared, .. parts]);
        if (path is null || !Path.Exists(path))
        {
            Assert.Skip($"needs shared/{string.Join('/', parts)}, which this machine lacks");
        }
        return path;
    }

    private static string? Find(string start)
    {
        for (var folder = new DirectoryInfo(start); folder is not null; folder = folder.Parent)
        {
            var shared = Path.Combine(folder.FullName, "shared");
            if (Directory.Exists(Path.Combine(shared, "models")))
            {
                return shared;
            }
        }
        return null;
    }
}
