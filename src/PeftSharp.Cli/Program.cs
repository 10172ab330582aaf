namespace PeftSharp.Cli;

/// <summary>The <c>peft</c> program.</summary>
public static class Program
{
    /// <summary>Runs a command line.</summary>
    /// <returns>0 if all went well, 1 if the work failed, 2 if the command line was wrong, 130 if it was interrupted.</returns>
    public static int Main(string[] args)
    {
        Terminal.PrintableWriter.Install();
        return CommandTree.Run(args);
    }
}
