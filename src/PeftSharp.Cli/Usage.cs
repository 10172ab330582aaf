using System.CommandLine;
using System.CommandLine.Parsing;
using PeftSharp.Runs.Recipes;

namespace PeftSharp.Cli;

/// <summary>One sentence for a command line that cannot be understood.</summary>
internal static class Usage
{
    /// <summary>What is wrong with a command line; null if nothing is.</summary>
    public static string? Problem(ParseResult parsed)
    {
        var command = parsed.CommandResult.Command;
        var isRoot = command is RootCommand;
        var name = isRoot ? "peft" : $"peft {command.Name}";
        // An argument takes whatever no option is: a misspelt option too.
        var swallowed = parsed.CommandResult.Children.OfType<ArgumentResult>().SelectMany(a => a.Tokens).Select(t => t.Value);
        if (parsed.UnmatchedTokens.Concat(swallowed).FirstOrDefault(t => t.StartsWith('-') && t.Length > 1) is { } option)
        {
            if (OptionNames.MovedTo(command.Name, option) is { } moved)
                return $"{name} has no option \"{option}\": {moved} has no letter, since each letter means one option in every verb; "
                    + $"write {moved}.";
            var known =
                command.Options.Concat(parsed.RootCommandResult.Command.Options).Where(o => !o.Hidden).SelectMany(OptionNames.Shown);
            return $"{name} has no option \"{option}\"; {(option.Length > 2 ? Nearest.Hint(option, known) : "")}see \"{name} --help\".";
        }
        if (parsed.Errors.Count == 0) return null;
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
