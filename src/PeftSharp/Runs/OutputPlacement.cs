using System.Text.Json;
using System.Text.Json.Nodes;
using PeftSharp.Files;
using PeftSharp.Interop;

namespace PeftSharp.Runs;

/// <summary>
/// Brings a finished folder into its place, and finishes or takes back what a killed process began. The order is: mark and flush the
/// result, declare it complete, exchange it with what stood there (or rename twice), delete of the old one what its mark vouches for.
/// </summary>
/// <param name="target">The place.</param>
/// <param name="work">The work folder beside it.</param>
/// <param name="remark">Hears where something was kept.</param>
internal sealed class OutputPlacement(string target, string work, Action<string>? remark)
{
    public const string AsideName = "output", CompleteName = "complete";
    private const int MostNames = 1000;

    /// <summary>The result, as it is being written.</summary>
    public string Aside { get; } = Path.Combine(work, AsideName);

    /// <summary>What stood in its place, on its way out.</summary>
    public string Old { get; } = Path.Combine(work, "old");

    private string Complete { get; } = Path.Combine(work, CompleteName);

    /// <summary>True if a result is complete and only has to be moved.</summary>
    public bool IsDeclared => File.Exists(Complete);

    /// <summary>Marks and flushes the result, and declares it complete.</summary>
    /// <param name="writtenBy">Who wrote it.</param>
    /// <param name="replaces">Digest of the mark of what it replaces; null if nothing.</param>
    /// <param name="atEnd">True if its run is at its end.</param>
    public void Declare(string writtenBy, string? replaces, bool atEnd)
    {
        var digest = OutputMark.Write(Aside, writtenBy);
        FolderFlush.FlushAll(Aside);
        AtomicFile.WriteText(
            Complete, new JsonObject { ["mark"] = digest, ["replaces"] = replaces, ["at_end"] = atEnd }.ToJsonString() + "\n");
        FolderFlush.Flush(work);
    }

    /// <summary>Moves the declared result into its place.</summary>
    /// <returns>Null; where the place was taken meanwhile, the folder beside it that the result is in now.</returns>
    /// <exception cref="IOException">It cannot be moved; what stood there stands there still.</exception>
    public string? Place()
    {
        var kept = Move(ReadComplete()?.Replaces);
        FolderFlush.Flush(work);
        FolderFlush.Flush(Path.GetDirectoryName(target)!);
        Settle();
        return kept;
    }

    /// <summary>Finishes what was declared complete, takes back what was not; true if that was a run at its end.</summary>
    public bool Mend()
    {
        var complete = ReadComplete();
        var here = OutputMark.TryRead(target)?.Digest;
        if (complete is { } declared && here == declared.Mark)
        {
            // Killed after the exchange: what is aside now is what stood there.
            if (Directory.Exists(Aside) && !Directory.Exists(Old)) Directory.Move(Aside, Old);
        }
        else if (complete is { } waiting && OutputMark.TryRead(Aside) is { } mark && mark.Digest == waiting.Mark && mark.IsWhole(Aside))
        {
            if (Directory.Exists(Old) && !Directory.Exists(target)) Directory.Move(Old, target);
            var beside = Move(waiting.Replaces);
            remark?.Invoke(beside is { } kept
                ? $"An earlier run was killed after it had finished, and its place {target} is taken; its result is in {kept}."
                : $"An earlier run was killed after it had finished; its result is now in its place, {target}.");
        }
        else complete = null;
        if (complete is null && Directory.Exists(Old) && !Directory.Exists(target)) Directory.Move(Old, target);
        Settle();
        if (Directory.Exists(Aside)) WorkFolder.TryDelete(Aside);
        if (complete is not { AtEnd: true }) Forget();
        foreach (var left in Directory.EnumerateFiles(work, ".*.tmp")) WorkFolder.TryDelete(left);
        return complete is { AtEnd: true };
    }

    /// <summary>
    /// Takes the declaration back. Where a run was at its end, its checkpoints have to be gone before: they would look like a run to go on
    /// with.
    /// </summary>
    public void Forget() => File.Delete(Complete);

    private string? Move(string? replaces)
    {
        try
        {
            if (Directory.Exists(target) && !Directory.EnumerateFileSystemEntries(target).Any()) Directory.Delete(target);
            if (!Path.Exists(target))
            {
                Directory.Move(Aside, target);
                return null;
            }
        }
        catch (IOException) when (Path.Exists(target)) { } // a mount point, or taken at this moment
        if (replaces is null || OutputMark.TryRead(target)?.Digest != replaces) return KeepBeside(Aside);
        if (FolderExchange.TryExchange(Aside, target))
        {
            Directory.Move(Aside, Old);
            return null;
        }
        Directory.Move(target, Old);
        try
        {
            Directory.Move(Aside, target);
        }
        catch
        {
            Directory.Move(Old, target);
            throw;
        }
        return null;
    }

    // The old folder goes, but for what the program did not write: that moves into the new one, or stays beside it.
    private void Settle()
    {
        if (!Directory.Exists(Old)) return;
        if (OutputMark.TryRead(Old) is { } mark)
        {
            foreach (var (path, _) in mark.Entries(Old).ToList())
                if (mark.IsForeign(Old, path)) TryMove(path, Path.Combine(target, Path.GetRelativePath(Old, path)));
            mark.DeleteOurs(Old);
        }
        if (!Directory.Exists(Old)) return;
        if (!Directory.EnumerateFileSystemEntries(Old).Any()) Directory.Delete(Old);
        else
        {
            var kept = KeepBeside(Old);
            remark?.Invoke($"{target} was replaced; files in it that this program did not write are in {kept}.");
        }
    }

    private static void TryMove(string from, string to)
    {
        if (Path.Exists(to) || FileStat.Of(to, follow: false) is not null) return;
        Directory.CreateDirectory(Path.GetDirectoryName(to)!);
        if (FileStat.Of(from, follow: false) is { Kind: FileKind.Folder }) Directory.Move(from, to);
        else File.Move(from, to);
    }

    private string KeepBeside(string folder)
    {
        for (var i = 1; i < MostNames; i++)
        {
            var name = $"{target}.kept{(i == 1 ? "" : $"-{i}")}";
            if (FileStat.Of(name, follow: false) is not null) continue;
            try
            {
                Directory.Move(folder, name);
                return name;
            }
            catch (IOException) when (Path.Exists(name)) { } // taken at this moment
        }
        throw new IOException($"{folder} could not be moved beside {target}");
    }

    private (string Mark, string? Replaces, bool AtEnd)? ReadComplete()
    {
        if (FileStat.Of(Complete, follow: false) is not { Kind: FileKind.File, Size: < 4096 }) return null;
        try
        {
            using var json = JsonDocument.Parse(File.ReadAllBytes(Complete), new() { MaxDepth = 4, AllowDuplicateProperties = false });
            var root = json.RootElement;
            return (
                root.GetProperty("mark").GetString() ?? "", root.GetProperty("replaces").GetString(),
                root.GetProperty("at_end").GetBoolean());
        }
        catch (Exception e) when (
            e is JsonException or InvalidOperationException or KeyNotFoundException or IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
