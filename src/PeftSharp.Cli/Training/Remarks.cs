namespace PeftSharp.Cli.Training;

/// <summary>Remarks for the user on standard error.</summary>
internal sealed class Remarks(bool quiet)
{
    public bool Quiet => quiet;

    public void Write(string line)
    {
        if (!quiet) Console.Error.WriteLine(line);
    }
}
