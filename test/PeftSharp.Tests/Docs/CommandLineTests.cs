using System.Text.RegularExpressions;
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
        var lines = File.ReadLines(Path.Combine(folder.FullName, file)).Where(l => l.StartsWith("peft ", StringComparison.Ordinal)).Select(l => l.Split('#')[0].Trim()).ToList();
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

    [GeneratedRegex("\"[^\"]*\"|\\S+")]
    private static partial Regex Words();
}
