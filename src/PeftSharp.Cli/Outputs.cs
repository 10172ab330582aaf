using PeftSharp.Runs;

namespace PeftSharp.Cli;

/// <summary>How a verb writes its results.</summary>
internal static class Outputs
{
    /// <summary>What an output folder is called on the command line, and who hears where something was kept.</summary>
    public static OutputOptions Options(string verb, bool overwrite) => new()
    {
        Overwrite = overwrite,
        WrittenBy = $"peft {verb} {typeof(Outputs).Assembly.GetName().Version?.ToString(3)}",
        PlaceName = "--out",
        OverwriteName = "--overwrite",
        Remark = Console.Error.WriteLine,
    };

    /// <summary>Refuses output files that the verb reads, that are no files, or that are one.</summary>
    /// <param name="files">Each option and what was given; null where it was not.</param>
    /// <param name="inputs">What the verb reads.</param>
    public static void RequireFiles((string Option, string? File)[] files, IEnumerable<string?> inputs)
    {
        var given = files.Where(f => f.File is not null).ToList();
        foreach (var (option, file) in given) OutputFile.Require(file!, inputs, option);
        if (given.Count > 1 && OutputFile.AreSame(given[0].File!, given[1].File!))
            throw new UsageException($"{given[0].Option} and {given[1].Option} are both {given[0].File}; give each a file of its own.");
    }
}
