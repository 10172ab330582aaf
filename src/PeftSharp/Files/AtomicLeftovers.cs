using PeftSharp.Interop;

namespace PeftSharp.Files;

/// <summary>
/// What a killed program left of a file that it was writing, <c>.NAME.RANDOM.tmp</c>: a living one holds it open, and so locked.
/// </summary>
internal static class AtomicLeftovers
{
    /// <summary>
    /// Deletes what is left of earlier attempts to write a file; what a living process holds, or is no plain file, stays.
    /// </summary>
    public static void Delete(string folder, string target)
    {
        var name = Path.GetFileName(target);
        // ".NAME." + "abcdefgh.ijk" + ".tmp"
        var length = name.Length + 2 + 12 + 4;
        var all = new EnumerationOptions { AttributesToSkip = 0, IgnoreInaccessible = true };
        foreach (var left in Directory.EnumerateFiles(folder, ".*.tmp", all))
        {
            var own = Path.GetFileName(left);
            if (own.Length != length || !own.StartsWith($".{name}.", StringComparison.Ordinal) || own[^8] != '.') continue;
            if (
                FileStat.Of(left, follow: false) is not { Kind: FileKind.File } found
                    || (found.Owner is { } owner && owner != FileStat.User))
                continue;
            TryDelete(left);
        }
    }

    private static void TryDelete(string file)
    {
        try
        {
            using var held = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.None, 1);
            File.Delete(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { }
    }
}
