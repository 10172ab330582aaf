using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.Runtime.CompilerServices;

namespace PeftSharp.Cli;

/// <summary>The usual help, with examples at its end.</summary>
internal sealed class HelpWithExamples(HelpAction help) : SynchronousCommandLineAction
{
    private static readonly ConditionalWeakTable<Command, string[]> Examples = [];

    // Help is asked for instead of what the command line lacks.
    public override bool ClearsParseErrors => true;

    /// <summary>Gives a command its examples: command lines without "peft", each with an optional comment after two spaces and "#".</summary>
    public static void Add(Command command, params string[] examples) => Examples.Add(command, examples);

    public override int Invoke(ParseResult parseResult)
    {
        var result = help.Invoke(parseResult);
        var output = parseResult.InvocationConfiguration.Output;
        if (Examples.TryGetValue(parseResult.CommandResult.Command, out var examples))
        {
            output.WriteLine("Examples:");
            foreach (var example in examples) output.WriteLine($"  peft {example}");
        }
        else if (parseResult.CommandResult.Command is RootCommand)
        {
            output.WriteLine("Run 'peft VERB --help' for the options of a verb and examples.");
        }
        return result;
    }
}
