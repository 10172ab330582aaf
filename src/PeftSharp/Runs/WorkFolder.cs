using System.Globalization;
using PeftSharp.Files;
using PeftSharp.Interop;

namespace PeftSharp.Runs;

/// <summary>
/// The folder <c>.NAME.run</c> beside a result: where it is written until it is whole. It belongs to one process at a time, and what this
/// program did not make itself is not trusted: another owner's folder, one without its mark, links and pipes in place of files.
/// </summary>
internal sealed class WorkFolder : IDisposable
{
    private const string Mark = "work.json", Process = "pid", Lock = "lock";
    private const string MarkText = "{\"peftsharp_work\": 1}\n";

    private readonly FolderLock _lock;
    private readonly List<string> _created;

    private WorkFolder(string path, FolderLock hold, List<string> created) => (Path, _lock, _created) = (path, hold, created);

    public string Path { get; }

    /// <summary>Folders above that did not exist before.</summary>
    public IReadOnlyList<string> Created => _created;

    /// <summary>The work folder of a result.</summary>
    public static string Of(string target) =>
        System.IO.Path.Combine(System.IO.Path.GetDirectoryName(target) ?? target, $".{System.IO.Path.GetFileName(target)}.run");

    /// <summary>Takes it for this process; made where it is missing.</summary>
    public static WorkFolder Take(string target, string place)
    {
        var path = Of(target);
        List<string> created = [];
        for (
            var parent = System.IO.Path.GetDirectoryName(path); parent is not null
                && !Directory.Exists(parent); parent = System.IO.Path.GetDirectoryName(parent))
            created.Add(parent);
        FolderLock? hold = null;
        try
        {
            Require(path);
            Make(path);
            hold = FolderLock.TryTake(path);
            if (hold is null) throw Busy(path, place);
            WriteProcess(path);
            var mark = System.IO.Path.Combine(path, Mark);
            if (!IsMarked(path)) AtomicFile.WriteText(mark, MarkText);
            return new(path, hold, created);
        }
        catch (Exception e) when (AtomicFile.IsWriteFailure(e) || e is PeftException { InnerException: not null })
        {
            Undo();
            throw Unwritable(path, place, e);
        }
        catch (PeftException) when (hold is not null)
        {
            Undo();
            throw;
        }

        void Undo()
        {
            hold?.Dispose();
            if (hold is not null && IsOnlyOurs(path))
                foreach (var name in (string[])[Process, Mark]) TryDelete(System.IO.Path.Combine(path, name));
            foreach (var folder in created.Prepend(path)) TryDeleteEmpty(folder);
        }
    }

    /// <summary>Refuses what <see cref="Take"/> would refuse, and touches nothing.</summary>
    public static void Look(string target, string place)
    {
        var path = Of(target);
        if (FolderLock.IsTaken(path)) throw Busy(path, place);
        Require(path);
        try
        {
            var above = OutputFolder.Above(path);
            // A folder under a file cannot be made: the system's words for it.
            if (File.Exists(above)) Directory.CreateDirectory(System.IO.Path.GetDirectoryName(path)!);
            // A file that is gone with its handle: only the attempt tells, whatever the system's rules are.
            else new FileStream(
                System.IO.Path.Combine(above, $".{System.IO.Path.GetRandomFileName()}.tmp"), FileMode.CreateNew, FileAccess.Write,
                FileShare.None, 1, FileOptions.DeleteOnClose).Dispose();
        }
        catch (Exception e) when (AtomicFile.IsWriteFailure(e))
        {
            throw Unwritable(path, place, e);
        }
    }

    /// <summary>Deletes what the program put there: all but entries of names that it does not use.</summary>
    /// <param name="last">The entry that goes last, because of what the others would mean without it.</param>
    /// <param name="names">The names that are used besides the folder's own.</param>
    public void Clear(string last, Func<string, bool> names)
    {
        foreach (var entry in Directory.EnumerateFileSystemEntries(Path).ToList())
            if (
                System.IO.Path.GetFileName(entry) is var name && name is not (Lock or Mark) && name != last
                    && (name == Process || names(name)))
                TryDelete(entry);
        TryDelete(System.IO.Path.Combine(Path, last));
        if (IsOnlyOurs(Path)) TryDelete(System.IO.Path.Combine(Path, Mark));
    }

    /// <summary>Lets go of the lock.</summary>
    public void Dispose() => _lock.Dispose();

    /// <summary>Deletes the folder if it is empty, and the folders made above it that are.</summary>
    public void DeleteEmpty(bool above)
    {
        TryDeleteEmpty(Path);
        if (above) foreach (var parent in _created) TryDeleteEmpty(parent);
    }

    public static void TryDelete(string entry)
    {
        try
        {
            if (FileStat.Of(entry, follow: false) is { Kind: FileKind.Folder }) AtomicFolder.Delete(entry);
            else File.Delete(entry);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { }
    }

    private static void TryDeleteEmpty(string folder)
    {
        try
        {
            Directory.Delete(folder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { }
    }

    private static void Make(string path)
    {
        if (Directory.Exists(path)) return;
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(path)!);
        // What is not whole yet is nobody else's business.
        if (OperatingSystem.IsWindows()) Directory.CreateDirectory(path);
        else Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    private static bool IsOnlyOurs(string path) =>
        Directory.Exists(path)
            && Directory.EnumerateFileSystemEntries(path).All(e => System.IO.Path.GetFileName(e) is Lock or Mark or Process);

    private static void Require(string path)
    {
        if (FileStat.Of(path, follow: false) is not { } found) return;
        if (found.Kind != FileKind.Folder) throw NotOurs(path, "it is no folder");
        if (IsAnothers(found)) throw NotOurs(path, "it belongs to another user");
        // A folder that is locked is being made at this moment.
        if (FolderLock.IsTaken(path)) return;
        foreach (var entry in Directory.EnumerateFileSystemEntries(path))
        {
            var name = System.IO.Path.GetFileName(entry);
            if (FileStat.Of(entry, follow: false) is not { } inside) continue;
            if (inside.Kind is not (FileKind.File or FileKind.Folder))
                throw NotOurs(path, $"{Quoted.Name(name)} in it is a link or no file");
            if (IsAnothers(inside)) throw NotOurs(path, $"{Quoted.Name(name)} in it belongs to another user");
        }
        if (!IsMarked(path) && !IsOnlyOurs(path)) throw NotOurs(path, $"it has no {Mark} of this program's");
    }

    private static bool IsMarked(string path)
    {
        var mark = System.IO.Path.Combine(path, Mark);
        return FileStat.Of(mark, follow: false) is { Kind: FileKind.File, Size: < 1024 } && File.ReadAllText(mark) == MarkText;
    }

    private static bool IsAnothers(FileStat found) => found.Owner is { } owner && FileStat.User is { } user && owner != user;

    private static OutputRefusedException NotOurs(string path, string why) =>
        new(
            $"{path}, where results are kept until they are whole, was not made by this program as it is ({why}); look at it and move it "
            + "away, or choose another output folder.");

    private static PeftException Unwritable(string path, string place, Exception e) =>
        new(
            $"{place} cannot be worked on: the folder {path} beside it cannot be written ({AtomicFile.Reason(e)}); choose another place.",
            e);

    private static OutputRefusedException Busy(string path, string place)
    {
        var process = ProcessId(path) is { } id ? $" (process {id})" : "";
        return new($"{place} is being worked on by another run{process}; wait for its end, or choose another folder.");
    }

    private static int? ProcessId(string path)
    {
        var file = System.IO.Path.Combine(path, Process);
        if (FileStat.Of(file, follow: false) is not { Kind: FileKind.File, Size: < 32 }) return null;
        try
        {
            return int.TryParse(File.ReadAllText(file).Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var id) ? id : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    // A file that can only be half written is none.
    private static void WriteProcess(string path)
    {
        var file = System.IO.Path.Combine(path, Process);
        try
        {
            File.WriteAllText(file, $"{Environment.ProcessId}\n");
        }
        catch
        {
            File.Delete(file);
            throw;
        }
    }
}
