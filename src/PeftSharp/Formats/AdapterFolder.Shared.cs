using PeftSharp.Files;

namespace PeftSharp.Formats;

// What an adapter shares with those of other tasks, in a file of its own.
public sealed partial class AdapterFolder
{
    /// <summary>
    /// Where the tensors lie that it shares with adapters of other tasks: beside its own or, as a joint run writes them once for all tasks,
    /// in the folder above; null where it shares none.
    /// </summary>
    internal string? SharedFile => Options.SharedHash is null ? null : KnownFiles.SharedOf(Path);

    /// <summary>What to do where that file is missing, or another one.</summary>
    internal const string SharedAdvice = "copy it from the folder of its joint run into the adapter's folder, or into the one above";

    /// <summary>
    /// What is wrong with that file, as a sentence without its end; null where nothing is. Other numbers than a task was trained with would
    /// be masked as if they were those.
    /// </summary>
    internal string? SharedProblem()
    {
        if (SharedFile is not { } file) return null;
        if (!File.Exists(file))
            return $"{file} is missing, though {SettingsFile} says that the adapter reads {Quoted.Name(Options.SharedName ?? "")} with "
                + "other tasks";
        var found = FileDigest.Of(file, FileDigest.DefaultCache);
        return found == Options.SharedHash ? null
            : $"{file} is not the file that the adapter was trained with: its SHA-256 begins with {found[..12]}, and {SettingsFile} names "
                + Printable.Cut(Options.SharedHash!, 12);
    }
}
