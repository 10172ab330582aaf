using PeftSharp.Files;
using PeftSharp.Interop;
using PeftSharp.Training.Resume;

namespace PeftSharp.Runs;

/// <summary>
/// A folder of results that appears whole or not at all. It is written in the folder <c>.NAME.run</c> beside its place, flushed and moved
/// there. Only results of this program are replaced, known by their mark <c>.peftsharp.json</c>; what others put there is never deleted,
/// and a finished result whose place was taken meanwhile is kept beside it.
/// </summary>
public sealed class OutputFolder : IDisposable
{
    private readonly OutputOptions _options;
    private readonly WorkFolder? _work;
    private readonly OutputPlacement _placement;
    private readonly string _place;
    private string? _replaces;
    private bool _done;

    private OutputFolder(string path, string target, OutputOptions options, WorkFolder? work)
    {
        (Target, _options, _work) = (target, options, work);
        _place = PlaceOf(path, options);
        _placement = new(target, Work, options.Remark);
    }

    /// <summary>Where the folder will stand: the full path, links followed.</summary>
    public string Target { get; }

    /// <summary>The folder beside it that is worked in, <c>.NAME.run</c>.</summary>
    public string Work => WorkFolder.Of(Target);

    /// <summary>Where to write; created by <see cref="Create"/>.</summary>
    public string Aside => _placement.Aside;

    /// <summary>What a killed process had finished is now in its place, and its run had come to its end.</summary>
    internal bool WasFinished { get; private init; }

    /// <summary>True if something stands there that will be replaced.</summary>
    public bool Replaces => _replaces is not null;

    /// <summary>Free bytes of the disk that the folder will be on; null where the system does not tell.</summary>
    internal long? FreeSpace
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

    /// <summary>Takes a place before any work is done, and mends what a killed process left there.</summary>
    /// <param name="path">The folder to write.</param>
    /// <param name="options">What may be replaced, and what messages call things.</param>
    /// <param name="inputs">What the run reads: files, folders, patterns; names of a hub, and null, are passed over.</param>
    /// <exception cref="OutputRefusedException">The place holds what must not be replaced, or another process works on it.</exception>
    /// <exception cref="PeftException">The place cannot be written.</exception>
    public static OutputFolder Plan(string path, OutputOptions? options = null, params string?[] inputs)
    {
        options ??= new();
        Survey(path, options, inputs);
        var folder = Take(path, options);
        try
        {
            if (CheckpointsIn(folder.Work) is { } step)
                throw new OutputRefusedException(
                    $"{folder._place} holds a training run that was cut off after step {step}; go on with it, delete {folder.Work}, or "
                    + "choose another folder.");
            folder.Require(options, inputs);
            return folder;
        }
        catch
        {
            folder.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Takes a place and mends what a killed process left there; <see cref="Require"/> then says whether it may be written.
    /// </summary>
    /// <param name="path">The folder to write.</param>
    /// <param name="options">What messages call things.</param>
    /// <exception cref="OutputRefusedException">Another process works on it, or its work folder is not this program's.</exception>
    /// <exception cref="PeftException">The place cannot be written.</exception>
    internal static OutputFolder Take(string path, OutputOptions? options = null)
    {
        options ??= new();
        var target = Check(path, options);
        var work = WorkFolder.Take(target, PlaceOf(path, options));
        try
        {
            var placement = new OutputPlacement(target, work.Path, options.Remark);
            var finished = placement.Mend();
            var checkpoints = new CheckpointStore(work.Path);
            checkpoints.CleanUp();
            if (finished)
            {
                checkpoints.Clear();
                placement.Forget();
            }
            return new(path, target, options, work) { WasFinished = finished };
        }
        catch
        {
            work.Dispose();
            throw;
        }
    }

    /// <summary>Refuses what <see cref="Take"/> would refuse, and touches nothing.</summary>
    /// <param name="path">The folder to write.</param>
    /// <param name="options">What messages call things.</param>
    /// <exception cref="OutputRefusedException">Another process works on it, or its work folder is not this program's.</exception>
    /// <exception cref="PeftException">The place cannot be written.</exception>
    internal static OutputFolder Look(string path, OutputOptions? options = null)
    {
        options ??= new();
        var target = Check(path, options);
        WorkFolder.Look(target, PlaceOf(path, options));
        return new OutputFolder(path, target, options, null);
    }

    /// <summary>Refuses a place that holds what must not be replaced, and notes what will be.</summary>
    /// <param name="options">What may be replaced.</param>
    /// <param name="inputs">What the run reads.</param>
    /// <exception cref="OutputRefusedException">The place must not be written.</exception>
    internal void Require(OutputOptions options, params string?[] inputs)
    {
        ArgumentNullException.ThrowIfNull(options);
        Protect(inputs);
        _replaces = Replaceable(Target, _place, options);
    }

    /// <summary>
    /// Refuses a place that holds an input, is one, or lies in a model that is read: for inputs that are known late, such as the base that
    /// an adapter names.
    /// </summary>
    /// <param name="inputs">What the run reads.</param>
    /// <exception cref="OutputRefusedException">The place must not be written.</exception>
    public void Protect(params string?[] inputs)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        InputGuard.RequireApart(Target, _place, inputs);
    }

    /// <summary>Creates the folder to write in, empty.</summary>
    /// <returns><see cref="Aside"/>.</returns>
    public string Create()
    {
        if (Directory.Exists(Aside)) AtomicFolder.Delete(Aside);
        return Directory.CreateDirectory(Aside).FullName;
    }

    /// <summary>Marks what was written, flushes it to the disk and moves it into place.</summary>
    /// <param name="atEnd">False keeps the work folder, for a run that is to go on.</param>
    /// <exception cref="PeftException">The place was taken meanwhile, or cannot be written: the message says where the result is. What
    /// stood there stands there still.</exception>
    public void Finish(bool atEnd = true)
    {
        _placement.Declare(_options.WrittenBy, _replaces, atEnd);
        var kept = Place();
        if (!atEnd) _placement.Forget();
        _done = atEnd;
        foreach (var parent in _work?.Created ?? []) FolderFlush.Flush(Path.GetDirectoryName(parent)!);
        if (kept is null) return;
        throw new PeftException(
            $"{_place} was taken by something else while this ran, so it was left as it is; the finished result is in {kept}.");
    }

    private string? Place()
    {
        try
        {
            return _placement.Place();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new PeftException(
                $"{_place} could not be put into place ({AtomicFile.Reason(e)}); the finished result is in {Work}, and the next run with "
                + "the same output puts it there.",
                e);
        }
    }

    /// <summary>Deletes what is not finished, unless there are checkpoints to go on from.</summary>
    public void Dispose()
    {
        if (_work is null) return;
        var keep = !_done && CheckpointsIn(Work) is not null;
        // What could not be put back is all that is left of it.
        var stuck = Directory.Exists(_placement.Old);
        if (!_done && Directory.Exists(Aside) && !_placement.IsDeclared) WorkFolder.TryDelete(Aside);
        if (!keep && !stuck && (_done || !_placement.IsDeclared)) _work.Clear(OutputPlacement.CompleteName, IsWorkName);
        _work.Dispose();
        if (!keep) _work.DeleteEmpty(above: !_done);
    }

    /// <summary>
    /// Adds a file that was written into a folder of results later on to the folder's mark. A folder without a mark gets none.
    /// </summary>
    /// <param name="folder">The folder.</param>
    /// <param name="file">The file's name in it.</param>
    /// <exception cref="PeftException">The mark cannot be written.</exception>
    public static void Vouch(string folder, string file) => OutputMark.TryRead(folder)?.Add(folder, file);

    /// <summary>The folder beside a place of results in which they are written, <c>.NAME.run</c>.</summary>
    /// <param name="path">The place.</param>
    public static string WorkOf(string path) => WorkFolder.Of(RealPath.Of(path));

    /// <summary>Name and length of the mark that a folder with these files gets.</summary>
    /// <param name="files">Names and lengths.</param>
    /// <param name="options">Who writes it.</param>
    internal static KeyValuePair<string, long> MarkOf(IEnumerable<KeyValuePair<string, long>> files, OutputOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        var hash = new string('0', 64);
        var text = OutputMark.Text(files.Select(f => KeyValuePair.Create(f.Key, new FilePrint(f.Value, hash))), options.WrittenBy);
        return new(OutputMark.Name, System.Text.Encoding.UTF8.GetByteCount(text));
    }

    /// <summary>The nearest folder (or file) above that exists.</summary>
    internal static string Above(string target)
    {
        var above = Path.GetDirectoryName(target)!;
        while (!Path.Exists(above) && Path.GetDirectoryName(above) is { } next) above = next;
        return above;
    }

    // Refusals that need nothing of this machine: before a work folder is made.
    private static void Survey(string path, OutputOptions options, string?[] inputs)
    {
        var target = Check(path, options);
        InputGuard.RequireApart(target, PlaceOf(path, options), inputs);
    }

    private static string? Replaceable(string target, string place, OutputOptions options)
    {
        if (!Directory.Exists(target)) return null;
        if (RealPath.IsWithin(Environment.CurrentDirectory, target))
            throw new OutputRefusedException(
                $"{place} is the folder that this program was started in, or holds it, and results take a folder's place as a whole; give "
                + "a folder below it, or start from elsewhere.");
        if (!Directory.EnumerateFileSystemEntries(target).Any()) return null;
        if (!options.Overwrite)
            throw new OutputRefusedException(
                $"{place} exists and is not empty; choose another folder, or replace it with {options.OverwriteName}.");
        if (OutputMark.TryRead(target) is not { } mark)
            throw new OutputRefusedException(
                $"{place} holds files that no earlier run wrote (it has no {OutputMark.Name}, the mark of such folders; early versions set "
                + "none), so it is not replaced; move it away, or choose another folder.");
        if (!options.KeepOthers && mark.Foreign(target) is { } foreign)
            throw new OutputRefusedException($"{place} holds {foreign}, so it is not replaced; move that away, or choose another folder.");
        return mark.Digest;
    }

    private static string Check(string path, OutputOptions options)
    {
        if (string.IsNullOrWhiteSpace(path) || path.Contains('\0'))
            throw new OutputRefusedException($"{options.PlaceName} has no name; give a folder.");
        var place = PlaceOf(path, options);
        var target = RealPath.Of(path);
        // It can neither be renamed nor be exchanged with what is beside it.
        if (
            FileStat.Of(target) is { Kind: FileKind.Folder } found && Path.GetDirectoryName(target) is { } above
                && FileStat.Of(above) is { } parent && found.Device != parent.Device)
            throw new OutputRefusedException(
                $"{place} is the root of a file system of its own, which cannot be moved into place as a whole; give a folder below it.");
        if (FileStat.Of(target) is { Kind: not FileKind.Folder } || File.Exists(target))
            throw new OutputRefusedException($"{place} is a file; give a folder that does not exist yet.");
        return Path.GetDirectoryName(target) is null
            ? throw new OutputRefusedException($"{place} is a root folder; give a folder below it.")
            : target;
    }

    private static string PlaceOf(string path, OutputOptions options) => $"{options.PlaceName} {path}";

    private static long? CheckpointsIn(string work) => new CheckpointStore(work).Steps is [var step, ..] ? step : null;

    private static bool IsWorkName(string name) =>
        name is OutputPlacement.AsideName or "recipe.yaml" || name.StartsWith("checkpoint-", StringComparison.Ordinal)
        || (name.StartsWith('.') && name.EndsWith(".tmp", StringComparison.Ordinal));
}
