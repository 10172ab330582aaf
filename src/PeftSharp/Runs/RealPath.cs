using PeftSharp.Interop;

namespace PeftSharp.Runs;

/// <summary>Where paths lead: links in every part are followed, so that two names of one place are seen as one.</summary>
internal static class RealPath
{
    private const int MostLinks = 64;

    private static readonly StringComparison Letters =
        OperatingSystem.IsWindows() || OperatingSystem.IsMacOS() ? StringComparison.OrdinalIgnoreCase : StringComparison.Ordinal;

    /// <summary>The path without links; parts that do not exist stay as they are written.</summary>
    /// <exception cref="PeftException">Links lead in a circle.</exception>
    public static string Of(string path)
    {
        // .NET itself takes "x/.." out of a path before it asks the system.
        var full = Path.GetFullPath(path);
        var real = Path.GetPathRoot(full)!;
        var left = new Stack<string>();
        Push(left, full[real.Length..]);
        for (var links = 0; left.TryPop(out var part);)
        {
            if (part == "..") real = Path.GetDirectoryName(real) ?? real;
            else if (LinkTarget(Path.Combine(real, part)) is { } target)
            {
                if (++links > MostLinks)
                    throw new PeftException(
                        $"{path} leads through more than {MostLinks} links, or in a circle; give the place that is meant.");
                if (Path.IsPathRooted(target)) real = Path.GetPathRoot(target)!;
                Push(left, Path.IsPathRooted(target) ? target[Path.GetPathRoot(target)!.Length..] : target);
            }
            else real = Path.Combine(real, part);
        }
        return Path.TrimEndingDirectorySeparator(real);
    }

    /// <summary>True if both lead to one file or folder, hard links and other spellings included.</summary>
    public static bool AreSame(string one, string other)
    {
        var (first, second) = (Of(one), Of(other));
        return string.Equals(first, second, Letters) || (FileStat.Of(first) is { } a && FileStat.Of(second) is { } b && a.IsSame(b));
    }

    /// <summary>True if a path is a folder, or leads to something in it.</summary>
    public static bool IsWithin(string path, string folder)
    {
        var (inner, outer) = (Of(path), Of(folder));
        var known = FileStat.Of(outer);
        for (string? above = inner; above is not null; above = Path.GetDirectoryName(above))
        {
            if (string.Equals(above, outer, Letters)) return true;
            if (known is { } a && FileStat.Of(above) is { } b && a.IsSame(b)) return true;
        }
        return false;
    }

    private static void Push(Stack<string> left, string path)
    {
        char[] separators = [Path.DirectorySeparatorChar, Path.AltDirectorySeparatorChar];
        foreach (var part in path.Split(separators, StringSplitOptions.RemoveEmptyEntries).Reverse())
            if (part != ".") left.Push(part);
    }

    private static string? LinkTarget(string path)
    {
        try
        {
            return new FileInfo(path).LinkTarget;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
