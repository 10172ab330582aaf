using System.CommandLine;
using System.CommandLine.Help;

namespace PeftSharp.Cli;

/// <summary>What the program returns.</summary>
internal static class ExitCode
{
    public const int Success = 0, Failure = 1, Usage = 2, Interrupted = 130;
}
