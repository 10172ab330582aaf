using System.IO.Enumeration;

namespace PeftSharp.Runs;

/// <summary>Keeps what a run reads from being written over, whatever it is called.</summary>
internal static class InputGuard
{
    private const int DeepestLink = 2, MostEntries = 1 << 16;

    /// <summary>Refuses a folder for results that holds an input, is one, or lies in a model or an adapter that is read.</summary>
    public static void RequireApart(string target, string place, IEnumerable<string?> inputs)
    {
        foreach (var (given, input) in Existing(inputs))
        {
            foreach (var held in (string[])[target, WorkFolder.Of(target)])
                if (Reads(given, input).FirstOrDefault(path => RealPath.IsWithin(path, held)) is { } inside)
                    throw new OutputRefusedException(
                        $"{place} holds {(RealPath.AreSame(inside, input) ? given : $"{inside} of {given}")}, which this run reads; choose "
                        + "another folder.");
            if (IsModel(input) && RealPath.IsWithin(target, input))
                throw new OutputRefusedException($"{place} lies in {given}, which this run reads; choose a folder outside of it.");
        }
    }

    /// <summary>Refuses a file for results that an input is, or that would become part of one.</summary>
    public static void RequireApartFile(string file, string place, IEnumerable<string?> inputs)
    {
        foreach (var (given, input) in Existing(inputs))
        {
            if (Reads(given, input).Any(path => RealPath.AreSame(path, file)) || IsMatch(given, file))
                throw new OutputRefusedException(
                    $"{place} is {(RealPath.AreSame(file, input) ? given : $"a file of {given}")}, which this run reads; choose "
                    + "another file.");
            if (Directory.Exists(input) && (IsModel(input) || Path.Exists(file)) && !HasWildcard(given) && RealPath.IsWithin(file, input))
                throw new OutputRefusedException($"{place} lies in {given}, which this run reads; choose a file outside of it.");
        }
    }

    // A name of the hub is no path; a pattern stands for the folder that it looks through.
    private static IEnumerable<(string Given, string Input)> Existing(IEnumerable<string?> inputs)
    {
        foreach (var given in inputs)
        {
            if (string.IsNullOrEmpty(given)) continue;
            if (Path.Exists(given)) yield return (given, given);
            else if (HasWildcard(given) && FolderOf(given) is { } folder && Directory.Exists(folder)) yield return (given, folder);
        }
    }

    // A folder of links, such as a snapshot of the hub's cache, reads what they lead to.
    private static IEnumerable<string> Reads(string given, string input)
    {
        if (!HasWildcard(given) || Path.Exists(given)) yield return input;
        if (!Directory.Exists(input)) yield break;
        var looking = new EnumerationOptions
        {
            RecurseSubdirectories = true,
            MaxRecursionDepth = DeepestLink,
            AttributesToSkip = 0,
            IgnoreInaccessible = true,
        };
        foreach (var entry in new DirectoryInfo(input).EnumerateFileSystemInfos("*", looking).Take(MostEntries))
        {
            var reads = !HasWildcard(given) ? entry.LinkTarget is not null : IsMatch(given, entry.FullName);
            if (reads) yield return entry.FullName;
        }
    }

    private static bool IsModel(string folder) =>
        Directory.Exists(folder) && ((string[])["config.json", "adapter_config.json"]).Any(name => File.Exists(Path.Combine(folder, name)));

    private static bool HasWildcard(string given) => given.AsSpan().ContainsAny('*', '?');

    private static string? FolderOf(string pattern) => Path.GetDirectoryName(Path.GetFullPath(pattern));

    private static bool IsMatch(string pattern, string file) =>
        HasWildcard(pattern) && FolderOf(pattern) is { } folder && Directory.Exists(folder)
        && Path.GetDirectoryName(Path.GetFullPath(file)) is { } own && Directory.Exists(own) && RealPath.AreSame(own, folder)
        && FileSystemName.MatchesSimpleExpression(Path.GetFileName(pattern), Path.GetFileName(file));
}
