using System.CommandLine;

namespace PeftSharp.Cli;

/// <summary>One sentence for a command line that cannot be understood.</summary>
internal static class Usage
{
    public static int Report(ParseResult parsed)
    {
        Console.Error.WriteLine($"error: {Sentence(parsed)}");
        return ExitCode.Usage;
    }

    private static string Sentence(ParseResult parsed)
    {
        var command = parsed.CommandResult.Command;
        var isRoot = command is RootCommand;
        var name = isRoot ? "peft" : $"peft {command.Name}";
        if (parsed.UnmatchedTokens.FirstOrDefault(t => t.StartsWith('-')) is { } option)
        {
            var known = command.Options.Concat(parsed.RootCommandResult.Command.Options).Where(o => !o.Hidden).SelectMany(o => o.Aliases.Prepend(o.Name));
            return $"{name} has no option \"{option}\"; {Nearest.Hint(option, known)}see \"{name} --help\".";
        }
        if (parsed.UnmatchedTokens.FirstOrDefault() is { } word)
        {
            return isRoot
                ? $"peft has no verb \"{word}\"; {Nearest.Hint(word, command.Subcommands.Select(c => c.Name))}see \"peft --help\"."
                : $"{name} does not know what to do with \"{word}\"; see \"{name} --help\".";
        }
        if (isRoot) return "a verb is missing; see \"peft --help\".";
        return $"{parsed.Errors[0].Message.TrimEnd('.')}; see \"{name} --help\".";
    }
}
