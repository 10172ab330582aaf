using PeftSharp.Interop;

namespace PeftSharp.Runs;

/// <summary>A file of results: where it may be written.</summary>
public static class OutputFile
{
    /// <summary>True if two paths lead to one file, whatever they are called.</summary>
    public static bool AreSame(string one, string other) => RealPath.AreSame(one, other);

    /// <summary>
    /// Refuses a place that is no file, is a link, is read by the same run, or would become part of a model or adapter that is.
    /// </summary>
    /// <param name="file">The file; it need not exist, and is replaced if it does.</param>
    /// <param name="inputs">What the run reads: files, folders, patterns; names of a hub, and null, are passed over.</param>
    /// <param name="placeName">What messages call the file. Default: "The output file".</param>
    /// <exception cref="OutputRefusedException">The file must not be written there.</exception>
    public static void Require(string file, IEnumerable<string?> inputs, string placeName = "The output file")
    {
        ArgumentException.ThrowIfNullOrEmpty(file);
        ArgumentNullException.ThrowIfNull(inputs);
        var place = $"{placeName} {file}";
        var what = FileStat.Of(file, follow: false)?.Kind switch
        {
            FileKind.Folder => "a folder",
            FileKind.Link => $"a link to {new FileInfo(file).LinkTarget}",
            FileKind.Other => "a pipe or a device",
            _ => null,
        };
        if (what is not null)
            throw new OutputRefusedException($"{place} is {what}; give a file that does not exist yet, or one to replace.");
        InputGuard.RequireApartFile(file, place, inputs);
    }
}
