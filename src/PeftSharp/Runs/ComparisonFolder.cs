using PeftSharp.Files;
using PeftSharp.Interop;

namespace PeftSharp.Runs;

/// <summary>The folder of a comparison, which grows run by run: held by one process, marked, and nobody else's.</summary>
internal sealed class ComparisonFolder : IDisposable
{
    private const string Mark = "{\"peftsharp_comparison\": 1}\n";

    // What the first versions, which set no mark, wrote before anything else.
    private static readonly string[] Early = ["compare.json", "recipes"];

    private readonly FolderLock _lock;

    private ComparisonFolder(string path, FolderLock hold) => (FullPath, _lock) = (path, hold);

    /// <summary>The full path, links followed.</summary>
    public string FullPath { get; }

    /// <summary>Takes a folder, and creates it where it is missing.</summary>
    /// <param name="path">The folder.</param>
    /// <param name="options">What messages call it.</param>
    /// <param name="inputs">What the runs read: files, folders, patterns; names of a hub, and null, are passed over.</param>
    /// <exception cref="OutputRefusedException">It holds something else than a comparison, or what the runs read.</exception>
    /// <exception cref="PeftException">Another process has it, or it cannot be written.</exception>
    public static ComparisonFolder Take(string path, OutputOptions options, IEnumerable<string?> inputs)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(options);
        var place = $"{options.PlaceName} {path}";
        var full = RealPath.Of(path);
        if (File.Exists(full)) throw new OutputRefusedException($"{place} is a file; give a folder.");
        InputGuard.RequireApart(full, place, inputs);
        try
        {
            if (!IsFree(full))
                throw new OutputRefusedException(
                    $"{place} holds files that no comparison wrote; give a folder that does not exist yet, or that of an "
                    + "earlier comparison.");
            Directory.CreateDirectory(full);
            var hold = FolderLock.TryTake(full)
                ?? throw new PeftException($"{place} is in use by another comparison; wait for it, or choose another folder.");
            var mark = Path.Combine(full, OutputMark.Name);
            if (!File.Exists(mark)) AtomicFile.WriteText(mark, Mark);
            return new(full, hold);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new PeftException($"{place} cannot be written ({e.Message.TrimEnd('.')}); choose another folder.", e);
        }
    }

    /// <summary>Lets go of the folder.</summary>
    public void Dispose() => _lock.Dispose();

    private static bool IsFree(string path)
    {
        if (!Directory.Exists(path)) return true;
        if (FileStat.Of(Path.Combine(path, OutputMark.Name), follow: false) is { Kind: FileKind.File, Size: < 4096 })
            return File.ReadAllText(Path.Combine(path, OutputMark.Name)) == Mark;
        return Directory.EnumerateFileSystemEntries(path).All(e => Path.GetFileName(e) is "lock" or ".DS_Store")
            || Early.All(name => Path.Exists(Path.Combine(path, name)));
    }
}
