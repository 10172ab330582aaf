using System.CommandLine;
using System.Text.RegularExpressions;
using PeftSharp.Cli;
using PeftSharp.Runs.Recipes;
using PeftSharp.Tests.Cli;

namespace PeftSharp.Tests.Docs;

/// <summary>The command lines that the READMEs show are ones that the program understands.</summary>
public sealed partial class CommandLineTests
{
    // Nothing may be fetched for a test.
    private static readonly Dictionary<string, string?> Offline = new() { ["HF_HUB_OFFLINE"] = "1" };

    [Theory]
    [InlineData("README.md")]
    [InlineData("README.ko.md")]
    public void Every_Command_Line_Is_Understood(string file)
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "PeftSharp.slnx"))) folder = folder.Parent;
        Assert.SkipWhen(folder is null, "The repository's README is not above the test's folder.");
        var lines = File.ReadLines(Path.Combine(folder.FullName, file)).Where(l => l.StartsWith("peft ", StringComparison.Ordinal))
            .Select(l => l.Split('#')[0].Trim()).ToList();
        Assert.True(lines.Count >= 10, $"{lines.Count} command lines");
        foreach (var line in lines)
        {
            string[] words = [.. Words().Matches(line).Select(m => m.Value.Trim('"')).Skip(1)];
            // What they name does not exist here; an unknown verb, option or word would be told first.
            var error = Peft.RunIn(Offline, words).Error;
            Assert.DoesNotMatch("peft has no verb|has no option|does not know what to do|see \"peft", error);
            Assert.Matches("error: ", error);
        }
    }

    public static TheoryData<string> Documents =>
    [
        .. Directory.GetFiles(TestPaths.RequireRepository("docs"), "*.md").Select(f => $"docs/{Path.GetFileName(f)}")
            .Order(StringComparer.Ordinal),
        "README.md", "README.ko.md", "CONTRIBUTING.md", "src/PeftSharp.Cli/README.md",
    ];

    [Theory]
    [MemberData(nameof(Documents))]
    public void Every_command_line_of_the_documents_has_verbs_options_and_settings_that_exist(string document)
    {
        foreach (var line in CommandLines(File.ReadAllText(TestPaths.RequireRepository(document))))
        {
            string[] words = [.. Words().Matches(line).Select(m => m.Value.Trim('"')).Skip(1)];
            if (words is [] or ["VERB", ..] or [['-', ..], ..]) continue;
            Assert.True(CommandTree.Names.Contains(words[0]), $"{document}: {line}: there is no verb {words[0]}");
            var command = CommandTree.Build(words[0]);
            var parsed = new RootCommand { command, CommandTree.Verbose }.Parse(words,
                new ParserConfiguration { ResponseFileTokenReplacer = null });
            Assert.True(Usage.Problem(parsed) is null, $"{document}: {line}: {Usage.Problem(parsed)}");
            Assert.True(OptionNames.Note(parsed) is null, $"{document}: {line}: {OptionNames.Note(parsed)}");
            if (words[0] == "train") Settings(words, line);
        }
    }

    // A setting of --set is one of the method's.
    private static void Settings(string[] words, string line)
    {
        if (Array.IndexOf(words, "--method") is var at && at < 0) return;
        var options = MethodName.Options(words[at + 1]);
        var changes = words.Where((w, i) => w.Contains('=') && !w.StartsWith('-') && i > 0 && words[i - 1] != "--tasks")
            .Select(w => w.Split('=', 2));
        Assert.NotNull(MethodSettings.With(options, words[at + 1], changes.Select(c => KeyValuePair.Create(c[0], c[1])), line));
    }

    // Lines of code blocks; a line that ends in a backslash goes on in the next, and what a shell does with the rest is its own.
    private static IEnumerable<string> CommandLines(string text) => text.Split("```").Where((_, i) => i % 2 == 1)
        .SelectMany(block => block.Replace("\\\n", " ", StringComparison.Ordinal).Split('\n'))
        .Select(l => l.Trim()).Where(l =>
            l.StartsWith("peft ", StringComparison.Ordinal) && !l.Contains('…') && !l.Contains('|') && !l.Contains('$'))
        .Select(l => ShellParts().Split(l)[0].Trim());

    [GeneratedRegex(" +[<>#] ?|  +#|#.*$")]
    private static partial Regex ShellParts();

    [GeneratedRegex("\"[^\"]*\"|\\S+")]
    private static partial Regex Words();
}
