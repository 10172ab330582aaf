using System.CommandLine;
using PeftSharp.Runs;

namespace PeftSharp.Cli;

/// <summary>Turns failures into one sentence on standard error and an exit code.</summary>
internal static class Failures
{
    /// <summary>Runs a verb.</summary>
    public static int Guard(ParseResult parsed, Func<int> run)
    {
        try
        {
            return run();
        }
        catch (Exception e)
        {
            return Report(e, parsed.GetValue(CommandTree.Verbose));
        }
    }

    private static int Report(Exception failure, bool verbose)
    {
        if (failure is OperationCanceledException)
        {
            Console.Error.WriteLine(
                $"error: {(failure is InterruptedException ? failure.Message : "interrupted; no result was written.")}");
            return ExitCode.Interrupted;
        }
        Console.Error.WriteLine($"error: {Sentence(failure)}");
        if (verbose) Console.Error.WriteLine(failure);
        else if (!Expected(failure)) Console.Error.WriteLine("Run it again with --verbose for the stack trace, and report it.");
        return failure is UsageException or SettingsException or OutputRefusedException ? ExitCode.Usage : ExitCode.Failure;
    }

    private static bool Expected(Exception failure) => failure is PeftException or IOException or UnauthorizedAccessException;

    private static string Sentence(Exception failure) => Expected(failure)
        ? Printable.Sentence(failure.Message)
        : $"unexpected {failure.GetType().Name}: {Printable.Cut(failure.Message.Split('\n')[0].Trim().TrimEnd('.'), 500)}.";
}
