namespace PeftSharp.Interop;

/// <summary>The user's folder for what can be made again.</summary>
internal static class UserCache
{
    /// <summary>A place in the folder; null where the user has none.</summary>
    public static string? Path(string name)
    {
        if (OperatingSystem.IsWindows()) return Under(Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData));
        if (Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } cache) return Under(cache);
        return Environment.GetEnvironmentVariable("HOME") is { Length: > 0 } home ? Under(System.IO.Path.Combine(home, ".cache")) : null;

        string? Under(string root) => root.Length == 0 ? null : System.IO.Path.Combine(root, "peftsharp", name);
    }
}
