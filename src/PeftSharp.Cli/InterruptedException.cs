using System.CommandLine;
using PeftSharp.Runs;

namespace PeftSharp.Cli;

/// <summary>An interruption of which more can be said than that there is no result; exit code 130.</summary>
internal sealed class InterruptedException(string message) : OperationCanceledException(message);
