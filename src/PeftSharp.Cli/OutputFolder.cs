namespace PeftSharp.Cli;

/// <summary>A folder that appears whole or not at all: written aside, as a sibling, then moved into place.</summary>
internal sealed class OutputFolder : IDisposable
{
    // What an earlier run wrote: only such a folder is replaced.
    private static readonly string[] Ours = ["run.json", "adapter_config.json", "config.json"];

    private readonly bool _replace;
    private bool _done;

    private OutputFolder(string target, bool replace)
    {
        (Target, _replace) = (target, replace);
        Aside = Path.Combine(Path.GetDirectoryName(target)!, $".{Path.GetFileName(target)}.{Path.GetRandomFileName()}.tmp");
    }

    /// <summary>Where the folder will stand.</summary>
    public string Target { get; }

    /// <summary>Where to write; created by <see cref="Create"/>.</summary>
    public string Aside { get; private init; }

    private string Old => $"{Aside}.old";

    /// <summary>Checks the place before any work is done.</summary>
    /// <param name="path">The folder that the user named.</param>
    /// <param name="overwrite">True replaces what an earlier run wrote there.</param>
    /// <param name="inputs">What the run reads: never overwritten.</param>
    public static OutputFolder Plan(string path, bool overwrite, params string?[] inputs)
    {
        var target = Check(path);
        var used = Directory.Exists(target) && Directory.EnumerateFileSystemEntries(target).Any();
        if (!used) return new(target, Directory.Exists(target));
        if (!overwrite) throw new UsageException($"--out {path} exists and is not empty; choose another folder, or replace it with --overwrite.");
        foreach (var input in inputs)
            if (input is not null && Within(Path.GetFullPath(input), target))
                throw new UsageException($"--out {path} holds {input}, which this run reads; choose another folder.");
        if (!Ours.Any(f => File.Exists(Path.Combine(target, f))))
            throw new UsageException($"--out {path} holds files that no earlier run wrote (none of {string.Join(", ", Ours)}), so it is not replaced; choose another folder.");
        return new(target, true);
    }

    /// <summary>True if something stands there that will be replaced.</summary>
    public bool Replaces => _replace && Directory.EnumerateFileSystemEntries(Target).Any();

    /// <summary>Free bytes of the disk that the folder will be on; null where the system does not tell.</summary>
    public long? FreeSpace
    {
        get
        {
            try
            {
                return new DriveInfo(Above(Target)).AvailableFreeSpace;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
            {
                return null;
            }
        }
    }

    /// <summary>The full path of a folder that results may be written to.</summary>
    public static string Check(string path)
    {
        var target = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        if (File.Exists(target)) throw new UsageException($"--out {path} is a file; give a folder that does not exist yet.");
        return Path.GetDirectoryName(target) is null ? throw new UsageException($"--out {path} is a root folder; give a folder below it.") : target;
    }

    /// <summary>What a run that worked in a folder of its own had to put into place.</summary>
    public static OutputFolder ReplaceFrom(string work, string path) => new OutputFolder(Check(path), true).Under(work);

    /// <summary>The same, written aside in a given folder instead of beside the target.</summary>
    public OutputFolder Under(string work) => new(Target, _replace) { Aside = Path.Combine(work, "output") };

    /// <summary>Mends what a process left that was killed in <see cref="Finish"/>: what stood in the target's place goes back, or away.</summary>
    public void PutBack()
    {
        if (!Directory.Exists(Old)) return;
        if (Directory.Exists(Target)) Directory.Delete(Old, recursive: true);
        else Directory.Move(Old, Target);
    }

    /// <summary>Creates the folder aside.</summary>
    public string Create() => Directory.CreateDirectory(Aside).FullName;

    /// <summary>Moves the finished folder into place.</summary>
    public void Finish()
    {
        var hadOld = _replace && Directory.Exists(Target);
        if (hadOld) Directory.Move(Target, Old);
        try
        {
            Directory.Move(Aside, Target);
        }
        catch when (hadOld)
        {
            Directory.Move(Old, Target);
            throw;
        }
        _done = true;
        if (hadOld) Directory.Delete(Old, recursive: true);
    }

    public void Dispose()
    {
        if (!_done && Directory.Exists(Aside)) Directory.Delete(Aside, recursive: true);
    }

    /// <summary>The nearest folder (or file) above that exists.</summary>
    public static string Above(string target)
    {
        var above = Path.GetDirectoryName(target)!;
        while (!Path.Exists(above) && Path.GetDirectoryName(above) is { } next) above = next;
        return above;
    }

    private static bool Within(string path, string folder) =>
        path == folder || path.StartsWith(folder + Path.DirectorySeparatorChar, StringComparison.Ordinal);
}
