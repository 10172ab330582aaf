using PeftSharp.Checkpoints;
using PeftSharp.Cli.Models;
using PeftSharp.Training.Resume;

namespace PeftSharp.Cli.Training.Resume;

/// <summary>
/// Where a run works until it is done: the folder <c>.NAME.run</c> beside the result's. It holds the recipe, the checkpoints, the lock and, being
/// written, the result; it is deleted once the result is in place, and stays where a run was cut off, to go on from.
/// </summary>
internal sealed class RunFolder : IDisposable
{
    private readonly RunLock _lock;
    private readonly string _work;
    private readonly List<string> _created;
    private bool _done;

    private RunFolder(string work, RunLock hold, List<string> created, int limit)
    {
        (_work, _lock, _created) = (work, hold, created);
        Checkpoints = new(work, limit);
    }

    /// <summary>The result, as it is being written.</summary>
    public OutputFolder Output { get; private set; } = null!;

    /// <summary>The checkpoints.</summary>
    public CheckpointStore Checkpoints { get; }

    /// <summary>True if <c>--resume</c> finds that the run has come to its end.</summary>
    public bool IsFinished { get; private set; }

    // Written when the result is complete and only has to be moved.
    private string Complete => Path.Combine(_work, "complete");

    /// <summary>The work folder of a result.</summary>
    public static string Of(string path)
    {
        var target = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        return Path.Combine(Path.GetDirectoryName(target) ?? target, $".{Path.GetFileName(target)}.run");
    }

    /// <summary>Takes the place of a run: refuses what must not be touched, and mends what a killed process left.</summary>
    public static RunFolder Open(TrainSettings settings, params string?[] inputs)
    {
        var path = settings.Out!;
        OutputFolder.Check(path);
        var (hold, created) = Take(path);
        var folder = new RunFolder(Of(path), hold, created, settings.SaveLimit);
        try
        {
            folder.Mend(path);
            if (settings.Resume) folder.PlanToGoOn(settings, inputs);
            else folder.PlanAnew(settings, inputs);
            return folder;
        }
        catch
        {
            folder.Dispose();
            throw;
        }
    }

    /// <summary>Refuses what <see cref="Open"/> would refuse of a run from its start, and touches nothing.</summary>
    public static OutputFolder Look(TrainSettings settings, params string?[] inputs)
    {
        var (path, work) = (settings.Out!, Of(settings.Out!));
        OutputFolder.Check(path);
        if (RunLock.IsTaken(work)) throw Busy(path, work);
        try
        {
            var above = OutputFolder.Above(work);
            // A folder under a file cannot be made: the system's words for it.
            if (File.Exists(above)) Directory.CreateDirectory(work);
            // A file that is gone with its handle: only the attempt tells, whatever the system's rules are.
            else new FileStream(Path.Combine(above, $".{Path.GetRandomFileName()}.tmp"), FileMode.CreateNew, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose).Dispose();
        }
        catch (Exception e) when (AtomicFile.IsWriteFailure(e))
        {
            throw Unwritable(path, work, e);
        }
        RequireNoCheckpoint(settings, new(work));
        return OutputFolder.Plan(path, settings.Overwrite, inputs);
    }

    /// <summary>Everything has been checked: from here on the folder is this run's.</summary>
    public void Start(TrainSettings settings, IEnumerable<KeyValuePair<string, string>> changes, string compute)
    {
        if (!settings.Resume) Checkpoints.Clear();
        SavedRecipe.Write(_work, settings, changes, compute);
        Output.Create();
    }

    /// <summary>Moves the result into place; what is left to go on from stays only where the run is not at its end.</summary>
    public void Finish(bool atEnd)
    {
        if (atEnd) AtomicFile.WriteText(Complete, "");
        try
        {
            Output.Finish();
        }
        catch
        {
            File.Delete(Complete);
            throw;
        }
        _done = atEnd;
    }

    public void Dispose()
    {
        Output?.Dispose();
        var keep = !_done && Checkpoints.Steps.Count > 0;
        if (!keep)
        {
            // The mark last: without it, what remains would look like a run to go on with.
            foreach (var entry in Directory.EnumerateFileSystemEntries(_work).Where(e => e != Complete && Path.GetFileName(e) != "lock").Append(Complete)) TryDelete(entry);
        }
        _lock.Dispose();
        if (keep) return;
        TryDeleteEmpty(_work);
        if (!_done) foreach (var parent in _created) TryDeleteEmpty(parent);
    }

    private static (RunLock, List<string> Created) Take(string path)
    {
        var work = Of(path);
        List<string> created = [];
        for (var parent = Path.GetDirectoryName(work); parent is not null && !Directory.Exists(parent); parent = Path.GetDirectoryName(parent)) created.Add(parent);
        RunLock? hold = null;
        try
        {
            Directory.CreateDirectory(work);
            hold = RunLock.TryTake(work);
            if (hold is not null)
            {
                SavedRecipe.WriteProcess(work);
                return (hold, created);
            }
        }
        catch (Exception e) when (AtomicFile.IsWriteFailure(e))
        {
            hold?.Dispose();
            foreach (var folder in created.Prepend(work)) TryDeleteEmpty(folder);
            throw Unwritable(path, work, e);
        }
        throw Busy(path, work);
    }

    private static PeftException Unwritable(string path, string work, Exception e) =>
        new($"--out {path} cannot be worked on: the folder {work} beside it cannot be written ({AtomicFile.Reason(e)}); choose another place.", e);

    private static UsageException Busy(string path, string work)
    {
        var process = SavedRecipe.ProcessId(work) is { } id ? $" (process {id})" : "";
        return new($"--out {path} is being worked on by another run{process}; wait for its end, or choose another folder.");
    }

    private static void RequireNoCheckpoint(TrainSettings settings, CheckpointStore checkpoints)
    {
        if (!settings.Overwrite && checkpoints.Steps.Count > 0)
            throw new UsageException($"--out {settings.Out} holds a run that was cut off after step {checkpoints.Steps[0]}; go on with --resume, or start it anew with --overwrite.");
    }

    // A killed process may have left its result half written, or whole but not yet in place, or the old result moved aside.
    private void Mend(string path)
    {
        var result = OutputFolder.ReplaceFrom(_work, path);
        if (File.Exists(Complete))
        {
            if (Directory.Exists(result.Aside)) result.Finish();
            _done = IsFinished = true;
            Checkpoints.Clear();
            File.Delete(Complete);
        }
        result.PutBack();
        result.Dispose();
        Checkpoints.CleanUp();
    }

    private void PlanAnew(TrainSettings settings, string?[] inputs)
    {
        (IsFinished, _done) = (false, false);
        RequireNoCheckpoint(settings, Checkpoints);
        Output = OutputFolder.Plan(settings.Out!, settings.Overwrite, inputs).Under(_work);
    }

    private void PlanToGoOn(TrainSettings settings, string?[] inputs)
    {
        var earlier = RunFile.TryRead(settings.Out!);
        var interrupted = earlier?.Json["interrupted"]?.GetValueKind() == System.Text.Json.JsonValueKind.True;
        IsFinished |= earlier is not null && !interrupted && Checkpoints.Steps.Count == 0;
        if (IsFinished) return;
        // The adapter of an interrupted run makes way for that of the whole one.
        Output = OutputFolder.Plan(settings.Out!, settings.Overwrite || interrupted, inputs).Under(_work);
    }

    private static void TryDelete(string entry)
    {
        try
        {
            if (Directory.Exists(entry)) AtomicFolder.Delete(entry);
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
}
