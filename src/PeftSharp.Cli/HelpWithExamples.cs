using System.CommandLine;
using System.CommandLine.Invocation;
using System.Runtime.CompilerServices;
using PeftSharp.Cli.Help;
using PeftSharp.Cli.Terminal;

namespace PeftSharp.Cli;

/// <summary>Help in groups, with examples at its end, as wide as the terminal.</summary>
/// <param name="all">True tells every option of a verb that has many.</param>
internal sealed class HelpWithExamples(bool all) : SynchronousCommandLineAction
{
    private static readonly ConditionalWeakTable<Command, string[]> Examples = [];

    // Help is asked for instead of what the command line lacks.
    public override bool ClearsParseErrors => true;

    /// <summary>
    /// Gives a command its examples: command lines without "peft", each with an optional comment after two spaces and "#".
    /// </summary>
    public static void Add(Command command, params string[] examples) => Examples.Add(command, examples);

    /// <summary>The help of a command.</summary>
    public static IReadOnlyList<string> Lines(Command command, RootCommand root, bool all, int width)
    {
        var shared = root.Options.Where(o => o.Recursive || command == root).ToList();
        return new HelpPage(command, shared, Examples.TryGetValue(command, out var examples) ? examples : [], width).Lines(all);
    }

    public override int Invoke(ParseResult parseResult)
    {
        foreach (
            var line in Lines(parseResult.CommandResult.Command, (RootCommand)parseResult.RootCommandResult.Command, all, Screen.HelpWidth))
            parseResult.InvocationConfiguration.Output.WriteLine(line);
        return ExitCode.Success;
    }
}
