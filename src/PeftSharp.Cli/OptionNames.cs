using System.CommandLine;

namespace PeftSharp.Cli;

/// <summary>The names that options have in every verb alike: a letter means one option, and a word one thing.</summary>
internal static class OptionNames
{
    /// <summary>The letters, by the option that each stands for.</summary>
    public static readonly IReadOnlyDictionary<string, string> Letters = new Dictionary<string, string>
    {
        ["--base"] = "-b",
        ["--adapter"] = "-a",
        ["--data"] = "-d",
        ["--out"] = "-o",
        ["--method"] = "-m",
        ["--recipe"] = "-r",
        ["--set"] = "-s",
        ["--text"] = "-t",
        ["--quiet"] = "-q",
    };

    // --text is a text to answer, in predict alone; columns have names of their own everywhere.
    private static readonly (string Name, string Old)[] Columns =
        [("--text-column", "--text"), ("--pair-column", "--pair"), ("--label-column", "--label")];

    // Letters that meant another option in one verb.
    private static readonly (string Verb, string Old, string Name)[] Moved = [("extract", "-r", "--rank"), ("push", "-m", "--message")];

    /// <summary>Gives a verb's options their letters, and columns the names that they once had.</summary>
    public static void Complete(Command command)
    {
        var names = command.Options.Select(o => o.Name).ToHashSet();
        foreach (var option in command.Options)
        {
            if (Letters.TryGetValue(option.Name, out var letter)) option.Aliases.Add(letter);
            foreach (var (name, old) in Columns)
                if (option.Name == name && !names.Contains("--text")) option.Aliases.Add(old);
        }
    }

    /// <summary>The names of an option that help shows: the letter, then the word.</summary>
    public static IEnumerable<string> Shown(Option option) =>
        option.Aliases.Where(a => !IsOld(option, a)).Order(StringComparer.Ordinal).Append(option.Name);

    /// <summary>What to say of old names that a command line uses; null if it uses none.</summary>
    public static string? Note(ParseResult parsed)
    {
        var used = parsed.CommandResult.Children.OfType<System.CommandLine.Parsing.OptionResult>()
            .Where(o => o.IdentifierToken is { } token && IsOld(o.Option, token.Value))
            .Select(o => (Old: o.IdentifierToken!.Value, o.Option.Name)).ToList();
        return used.Count == 0 ? null
            : $"note: columns are named by {string.Join(" and ", used.Select(u => u.Name))} in every verb; "
                + $"{string.Join(" and ", used.Select(u => u.Old))} still {(used.Count == 1 ? "works" : "work")} here (in peft predict, "
                + "--text is a text).";
    }

    /// <summary>The option that a letter meant once in a verb; null if it never was another.</summary>
    public static string? MovedTo(string verb, string letter) =>
        Moved.Where(m => m.Verb == verb && m.Old == letter).Select(m => m.Name).FirstOrDefault();

    private static bool IsOld(Option option, string name) => Columns.Any(c => c.Name == option.Name && c.Old == name);
}
