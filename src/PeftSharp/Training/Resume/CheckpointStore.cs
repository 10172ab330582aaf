using System.Globalization;
using PeftSharp.Files;

namespace PeftSharp.Training.Resume;

/// <summary>The checkpoints of a run: folders <c>checkpoint-STEP</c>, each whole or not there at all; the last few are kept.</summary>
/// <param name="root">The folder that holds them; created when the first is saved.</param>
/// <param name="limit">How many are kept; at least 1.</param>
public sealed class CheckpointStore(string root, int limit = 2)
{
    private const string Prefix = "checkpoint-";

    // Verified by this object: a step's state is the same however often it is saved.
    private readonly HashSet<long> _good = [];

    /// <summary>The folder that holds them.</summary>
    internal string Root { get; } = Path.GetFullPath(root);

    /// <summary>Steps of the checkpoints, the newest first; good or damaged.</summary>
    public IReadOnlyList<long> Steps => !Directory.Exists(Root) ? [] :
    [
        .. Directory.EnumerateDirectories(Root, $"{Prefix}*").Select(StepOf).OfType<long>().OrderDescending(),
    ];

    /// <summary>Saves a checkpoint, then deletes those beyond the limit: the oldest first.</summary>
    /// <returns>Its folder.</returns>
    /// <exception cref="PeftException">It cannot be written; earlier checkpoints are untouched, and nothing is left half
    /// written.</exception>
    public string Save(TrainingCheckpoint checkpoint)
    {
        var folder = FolderOf(checkpoint.Step);
        if (!_good.Contains(checkpoint.Step) || !Directory.Exists(folder)) Write(folder, checkpoint);
        _good.Add(checkpoint.Step);
        // A damaged one that is newer was skipped and is of no use.
        foreach (var step in Steps.Where(s => s > checkpoint.Step).Concat(Steps.Where(s => s <= checkpoint.Step).Skip(limit))) Delete(step);
        return folder;
    }

    /// <summary>Reads the newest good checkpoint; damaged ones are skipped for the one before.</summary>
    /// <param name="remark">Hears which were skipped, and why.</param>
    /// <returns>The checkpoint, which the caller disposes; null if there is none.</returns>
    /// <exception cref="PeftException">There are checkpoints, but every one is damaged; or another version of the program wrote
    /// it.</exception>
    public TrainingCheckpoint? Newest(Action<string>? remark = null)
    {
        List<string> damaged = [];
        foreach (var step in Steps)
        {
            try
            {
                var checkpoint = CheckpointFolder.Read(FolderOf(step));
                if (checkpoint.Step != step) throw new DamagedCheckpointException($"it holds step {checkpoint.Step}");
                foreach (var skipped in damaged) remark?.Invoke($"{skipped}, so it is skipped; {Prefix}{step} is used.");
                _good.Add(step);
                return checkpoint;
            }
            catch (DamagedCheckpointException e)
            {
                damaged.Add($"{Prefix}{step} is damaged ({e.Message})");
            }
        }
        return damaged.Count == 0
            ? null
            : throw new PeftException($"No checkpoint in {Root} can be used: {string.Join("; ", damaged)}; start the run anew.");
    }

    /// <summary>Deletes every checkpoint.</summary>
    internal void Clear()
    {
        foreach (var step in Steps) Delete(step);
    }

    /// <summary>Deletes what killed programs left half written.</summary>
    internal void CleanUp() => AtomicFolder.CleanUp(Root);

    private void Write(string folder, TrainingCheckpoint checkpoint)
    {
        try
        {
            AtomicFolder.Write(folder, aside => CheckpointFolder.Write(aside, checkpoint));
        }
        catch (PeftException e)
        {
            throw new PeftException(
                $"The checkpoint of step {checkpoint.Step} could not be saved in {Root} ({AtomicFile.Reason(e)}); check the free space and "
                + "the folder's permissions.",
                e);
        }
    }

    private string FolderOf(long step) => Path.Combine(Root, $"{Prefix}{step.ToString(CultureInfo.InvariantCulture)}");

    private static long? StepOf(string folder) =>
        long.TryParse(Path.GetFileName(folder)[Prefix.Length..], NumberStyles.None, CultureInfo.InvariantCulture, out var step)
            ? step
            : null;

    // The new checkpoint is in place: an old one that cannot be deleted harms nobody, and is tried again at the next.
    private void Delete(long step)
    {
        try
        {
            AtomicFolder.Delete(FolderOf(step));
            _good.Remove(step);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { }
    }
}
