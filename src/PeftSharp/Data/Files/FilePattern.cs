using System.IO.Enumeration;

namespace PeftSharp.Data.Files;

/// <summary>The files of a pattern: <c>*</c> and <c>?</c> in names, <c>**</c> for folders of any depth.</summary>
internal static class FilePattern
{
    private static readonly EnumerationOptions Listing = new() { AttributesToSkip = 0, IgnoreInaccessible = false };

    /// <summary>True if a path is a pattern and not the name of something that exists.</summary>
    public static bool Is(string path) => path.AsSpan().ContainsAny('*', '?') && !Path.Exists(path);

    /// <summary>The files in ordinal order; the path itself where it is no pattern.</summary>
    /// <exception cref="PeftException">The pattern fits no file.</exception>
    public static IReadOnlyList<string> Expand(string path)
    {
        if (!Is(path)) return [path];
        var parts = path.Split(Path.DirectorySeparatorChar, Path.AltDirectorySeparatorChar);
        var fixedParts = parts.TakeWhile(part => !IsWild(part)).ToArray();
        var root = string.Join(Path.DirectorySeparatorChar, fixedParts);
        if (fixedParts is [""]) root = Path.DirectorySeparatorChar.ToString();
        if (root.Length > 0 && !Directory.Exists(root))
            throw new PeftException($"The pattern {path} fits no file: there is no folder {root}; check its path.");
        var files = Match(root, parts.AsMemory(fixedParts.Length)).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal).ToList();
        return files.Count > 0
            ? files
            : throw new PeftException(
                $"The pattern {path} fits no file; check its path (* and ? stand for parts of a name, ** for folders).");
    }

    /// <summary>All files below a folder that have a dataset's extension, as paths relative to it; hidden ones are left out.</summary>
    public static IEnumerable<string> DataFiles(string folder) => Match(folder, new[] { "**", "*" }.AsMemory())
        .Where(file => DataFile.TryFormat(file) is not null)
            .Select(file => Path.GetRelativePath(folder, file))
            .Order(StringComparer.Ordinal);

    private static IEnumerable<string> Match(string folder, ReadOnlyMemory<string> parts)
    {
        var (part, rest) = (parts.Span[0], parts[1..]);
        var listed = folder.Length == 0 ? "." : folder;
        if (part == "**")
        {
            if (rest.IsEmpty) rest = new[] { "*" };
            foreach (var file in Match(folder, rest)) yield return file;
            foreach (var inner in Entries(listed, folder, "*", folders: true))
            {
                // A link to a folder above would lead in a circle.
                if (new DirectoryInfo(inner).LinkTarget is not null) continue;
                foreach (var file in Match(inner, parts)) yield return file;
            }
            yield break;
        }
        if (part.Length == 0 && !rest.IsEmpty) // doubled separator
        {
            foreach (var file in Match(folder, rest)) yield return file;
            yield break;
        }
        foreach (var entry in Entries(listed, folder, part, folders: !rest.IsEmpty))
        {
            if (rest.IsEmpty) yield return entry;
            else foreach (var file in Match(entry, rest)) yield return file;
        }
    }

    private static IEnumerable<string> Entries(string listed, string folder, string pattern, bool folders)
    {
        var names = folders ? Directory.EnumerateDirectories(listed, "*", Listing) : Directory.EnumerateFiles(listed, "*", Listing);
        foreach (var name in names.Select(entry => Path.GetFileName(entry)))
        {
            if (name.StartsWith('.') && !pattern.StartsWith('.')) continue;
            if (FileSystemName.MatchesSimpleExpression(pattern, name, ignoreCase: OperatingSystem.IsWindows()))
                yield return Path.Combine(folder, name);
        }
    }

    private static bool IsWild(string part) => part.AsSpan().ContainsAny('*', '?');
}
