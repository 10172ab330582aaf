using System.Text.RegularExpressions;
using PeftSharp.Tests.Cli;
using PeftSharp.Tests.Files;

namespace PeftSharp.Tests.Docs;

/// <summary>The commands of docs/first-dataset.md, run in their order on the quickstart's sentences.</summary>
public sealed partial class FirstDatasetTests
{
    [Fact]
    public void Every_command_of_the_page_succeeds()
    {
        using var folder = new TempFolder();
        var files = Path.Combine(AppContext.BaseDirectory, "quickstart");
        Directory.CreateDirectory(folder.File("models/minilm"));
        foreach (var file in Directory.GetFiles(Path.Combine(files, "model"))) File.Copy(file,
            folder.File($"models/minilm/{Path.GetFileName(file)}"));
        // Half of them: enough to learn from.
        var rows = File.ReadLines(Path.Combine(files, "data", "train.tsv")).Skip(1).Where((_, i) => i % 2 == 0).Select(l => l.Split('\t'));
        File.WriteAllLines(folder.File("tickets.csv"),
            rows.Select(r => $"\"{r[0].Replace("\"", "\"\"", StringComparison.Ordinal)}\",{r[1]}").Prepend("body,topic"));

        var lines = File.ReadLines(TestPaths.RequireRepository("docs", "first-dataset.md"))
            .Where(l => l.StartsWith("peft ", StringComparison.Ordinal)).ToList();
        Assert.True(lines.Count >= 9, $"{lines.Count} commands");
        foreach (var line in lines)
        {
            var result = Peft.RunAt(folder.Root, [.. Words().Matches(line).Select(m => m.Value.Trim('"')).Skip(1)]);
            Assert.True(result.ExitCode == 0, $"{line}: {result.Error}");
            Assert.DoesNotContain("note:", result.Error);
        }
        Assert.Equal(21, File.ReadLines(folder.File("answers.csv")).Count());
        Assert.True(File.Exists(folder.File("models/tickets/config.json")) && File.Exists(folder.File("runs/tickets/run.json")));
    }

    [GeneratedRegex("\"[^\"]*\"|\\S+")]
    private static partial Regex Words();
}
