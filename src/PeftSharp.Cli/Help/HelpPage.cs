using System.CommandLine;
using System.Text.RegularExpressions;
using PeftSharp.Cli.Terminal;

namespace PeftSharp.Cli.Help;

/// <summary>The help of the program or of a verb as lines that fit a width.</summary>
/// <param name="command">The verb, or the root.</param>
/// <param name="shared">Options of all verbs.</param>
/// <param name="examples">Command lines without "peft".</param>
/// <param name="width">Columns of the terminal.</param>
internal sealed partial class HelpPage(Command command, IReadOnlyList<Option> shared, IReadOnlyList<string> examples, int width)
{
    private const int Few = 8, MostNames = 28;
    private readonly List<string> _lines = [];
    private readonly List<Option> _options = [.. command.Options.Concat(shared).Where(o => !o.Hidden).DistinctBy(o => o.Name)];

    /// <summary>The lines.</summary>
    /// <param name="all">True tells every option, false the common ones of a verb with many.</param>
    public IReadOnlyList<string> Lines(bool all)
    {
        _lines.Clear();
        Text(command.Description ?? "");
        Line();
        Usage();
        if (command is RootCommand) Section("Verbs", command.Subcommands.Select(c => (c.Name, c.Description ?? "")));
        else if (command.Arguments.Count > 0)
            Section("Arguments", command.Arguments.Select(a => (a.HelpName ?? a.Name, a.Description ?? "")));
        Options(all);
        Examples();
        return _lines;
    }

    private void Usage()
    {
        if (command is RootCommand)
        {
            Line("Usage: peft VERB [options]");
            Line();
            return;
        }
        var arguments = command.Arguments.Select(
            a =>
                a.Arity.MinimumNumberOfValues == 0 ? $"[{a.HelpName ?? a.Name}]"
                    : a.Arity.MaximumNumberOfValues > 1 ? $"{a.HelpName ?? a.Name}..."
                    : a.HelpName ?? a.Name);
        Line($"Usage: {string.Join(' ', arguments.Prepend($"peft {command.Name}").Append("[options]"))}");
        Line();
    }

    private void Options(bool all)
    {
        var told = all ? _options : OptionGroups.Common(command, _options);
        if (told.Count < _options.Count)
        {
            Section("Options", told.Select(Row));
            Line($"More options, told by \"peft {command.Name} --help-all\":");
            foreach (var (name, options) in OptionGroups.Of([.. _options.Except(told)]))
                Hang($"  {name,-10}", string.Join(' ', options.Select(o => o.Name)));
            Line();
        }
        else if (_options.Count <= Few) Section("Options", OptionGroups.Of(_options).SelectMany(g => g.Options).Select(Row));
        else
            foreach (var (name, options) in OptionGroups.Of(_options)) Section(name, options.Select(Row));
    }

    private static (string Names, string Help) Row(Option option)
    {
        var names = string.Join(", ", OptionNames.Shown(option).Where(n => n.StartsWith('-') && n != "-?"));
        return (option.HelpName is { } value && option.ValueType != typeof(bool) ? $"{names} {value}" : names, option.Description ?? "");
    }

    private void Section(string title, IEnumerable<(string Names, string Help)> rows)
    {
        List<(string Names, string Help)> all = [.. rows];
        if (all.Count == 0) return;
        Line($"{title}:");
        var indent = Math.Min(all.Max(r => r.Names.Length), MostNames) + 4;
        foreach (var (names, help) in all)
        {
            if (names.Length + 4 <= indent) Hang($"  {names.PadRight(indent - 2)}", help);
            else
            {
                Line($"  {names}");
                Hang(new string(' ', indent), help);
            }
        }
        Line();
    }

    private void Examples()
    {
        if (examples.Count == 0)
        {
            if (command is RootCommand) Text("Run \"peft VERB --help\" for the options of a verb and examples.");
            return;
        }
        Line("Examples:");
        foreach (var example in examples) Example($"peft {example}");
    }

    // A long command line goes on in the next one, as a shell reads it.
    private void Example(string example)
    {
        var line = "  ";
        foreach (var word in BeforeOptions().Split(example))
        {
            var longer = line.Trim().Length == 0 ? $"{line}{word}" : $"{line} {word}";
            if (TextWidth.Of(longer) > width - 2 && line.Trim().Length > 0)
            {
                Line($"{line} \\");
                longer = $"      {word}";
            }
            line = longer;
        }
        Line(line);
    }

    // An option and its value stay together.
    [GeneratedRegex(" (?=-|[<>] )")]
    private static partial Regex BeforeOptions();

    private void Text(string text) => Hang("", text);

    private void Hang(string head, string text)
    {
        var lines = TextWidth.Wrap(text, Math.Max(20, width - head.Length));
        for (var i = 0; i < lines.Count; i++) Line((i == 0 ? head : new string(' ', head.Length)) + lines[i]);
    }

    private void Line(string text = "") => _lines.Add(text.TrimEnd());
}
