using PeftSharp.Interop;

namespace PeftSharp.Cli;

/// <summary>The <c>peft</c> program.</summary>
public static class Program
{
    // Where memory counts; the others are over before a second start would be.
    private static readonly string[] _training = ["train", "compare", "autotune", "quickstart"];

    /// <summary>Runs a command line.</summary>
    /// <returns>0 if all went well, 1 if the work failed, 2 if the command line was wrong, 130 if it was interrupted.</returns>
    public static int Main(string[] args)
    {
        if (args.Length > 0 && _training.Contains(args[0])) CompactHeap.Ensure();
        Terminal.PrintableWriter.Install();
        return CommandTree.Run(args);
    }
}
