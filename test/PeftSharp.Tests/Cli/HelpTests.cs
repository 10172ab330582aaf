using PeftSharp.Cli;
using PeftSharp.Cli.Help;
using PeftSharp.Cli.Terminal;
using PeftSharp.Tests.Files;

namespace PeftSharp.Tests.Cli;

/// <summary>Help, version, the registry and the reference cases.</summary>
public sealed class HelpTests
{
    [Theory]
    [InlineData("train")]
    [InlineData("eval")]
    [InlineData("predict")]
    [InlineData("merge")]
    [InlineData("info")]
    [InlineData("methods")]
    [InlineData("conformance")]
    public void The_help_of_a_verb_ends_with_examples(string verb)
    {
        Assert.Contains($"  {verb} ", Peft.Run("--help").Succeeds().Output);
        var lines = Peft.Run(verb, "--help").Succeeds().Output.TrimEnd().Split('\n');
        Assert.StartsWith($"  peft {verb}", lines.Last(l => l.StartsWith("  ", StringComparison.Ordinal) && l[2] != ' '));
        Assert.Contains(lines, l => l.Trim() == "Examples:");
    }

    public static TheoryData<string> Verbs => [.. CommandTree.Names];

    [Theory]
    [MemberData(nameof(Verbs))]
    public void Help_names_every_option_in_groups_and_fits_80_columns(string verb)
    {
        var command = CommandTree.Build(verb);
        var visible = command.Options.Where(o => !o.Hidden).ToList();
        Assert.Empty(visible.Where(o => !OptionGroups.IsKnown(o)).Select(o => o.Name));
        foreach (var (width, all) in new[] { (80, false), (80, true), (60, true), (110, true) })
        {
            var lines = new HelpPage(
                command, [], ["an example of a command line that is far too long --for one --line --of a narrow terminal"],
                width).Lines(all);
            Assert.All(lines, line => Assert.True(TextWidth.Of(line) <= width, $"{line.Length}: {line}"));
            var words = string.Join('\n', lines).Split([' ', '\n', ',']).ToHashSet();
            Assert.All(visible, option => Assert.Contains(option.Name, words));
            if (all && visible.Count > 8) Assert.InRange(lines.Count(l => OptionGroups.All.Any(g => l == $"{g.Name}:")), 2, 7);
        }
    }

    [Fact]
    public void The_short_help_of_train_tells_ten_options_and_the_long_one_all()
    {
        var shortHelp = Peft.Run("train", "--help").Succeeds().Output;
        var longHelp = Peft.Run("train", "--help-all").Succeeds().Output;
        Assert.Contains("More options, told by \"peft train --help-all\":", shortHelp);
        Assert.InRange(shortHelp.Split('\n').Count(l => l.StartsWith("  -", StringComparison.Ordinal)), 10, 10);
        Assert.InRange(shortHelp.Split('\n').Length, 30, 70);
        Assert.All((string[])["\nModel:\n", "\nMethod:\n", "\nData:\n", "\nTraining:\n", "\nScoring:\n", "\nOutput:\n", "\nMachine:\n",
            "Default: 5e-4", "--warmup-ratio SHARE"], text => Assert.Contains(text, longHelp));
        Assert.All(shortHelp.Split('\n').Concat(longHelp.Split('\n')), line => Assert.True(line.Length <= 80, line));
        Assert.Empty(Peft.Run("train", "--help-all").Error);
    }

    [Fact]
    public void Every_method_is_listed_and_tells_its_settings()
    {
        var all = Peft.Run("methods", "--json").Succeeds().Json.AsArray();
        Assert.Equal(PeftSharp.Methods.MethodRegistry.All.Select(m => m.Name), all.Select(m => m!["name"]!.ToString()));
        var lora = Peft.Run("methods", "lora", "--json").Succeeds().Json;
        var rank = lora["settings"]!.AsArray().Single(s => s!["name"]!.ToString() == "r")!;
        Assert.Equal(8, (int)rank["default"]!);
        Assert.Contains("Rank", rank["help"]!.ToString());
    }

    [Fact]
    public void A_case_that_cannot_run_has_failed()
    {
        using var folder = new Files.TempFolder();
        Directory.CreateDirectory(folder.File("empty"));
        var result = Peft.Run("conformance", folder.Root, "--json");
        Assert.Equal(1, result.ExitCode);
        Assert.Equal(1, (int)result.Json["failed"]!);
        Assert.Contains("case.json", result.Json["cases"]![0]!["failure"]!.ToString());
    }
}
