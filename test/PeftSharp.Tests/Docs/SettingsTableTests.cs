using PeftSharp.Runs.Recipes;
using PeftSharp.Tests.House;

namespace PeftSharp.Tests.Docs;

/// <summary>The table of a run's settings is made of the one place where they are declared.</summary>
public sealed class SettingsTableTests
{
    private const string Begin = "<!-- settings: made by the tests, see CONTRIBUTING.md -->\n", End = "<!-- end of settings -->\n";

    [Fact]
    public void The_Table_Is_The_Declarations_Written_Out()
    {
        var file = TestPaths.RequireRepository("docs", "recipes.md");
        var text = File.ReadAllText(file).ReplaceLineEndings("\n");
        var (begin, end) = (text.IndexOf(Begin, StringComparison.Ordinal), text.IndexOf(End, StringComparison.Ordinal));
        Assert.True(begin >= 0 && end > begin, "docs/recipes.md has lost the lines between which the table of settings stands.");
        Recorded.Check(file, text[..(begin + Begin.Length)] + Table() + text[end..], "The table of a run's settings", GetType());
    }

    [Fact]
    public void Every_Setting_Says_What_It_Does_And_What_It_Takes()
    {
        var table = Table();
        Assert.All(TrainKeys.All, key => Assert.Contains($"| `{key.Key}`", table, StringComparison.Ordinal));
        Assert.Equal("a number above 0", TrainKeys.Find("learning_rate")!.Range);
        Assert.Equal("a whole number of at least 3", TrainKeys.Find("max_length")!.Range);
        Assert.Null(TrainKeys.Find("text_column")!.Range);
        Assert.Contains("| 5e-4, or 2e-5 where the whole model is trained | a number above 0 |", table, StringComparison.Ordinal);
    }

    private static string Table() =>
        "\n| key | option | default | takes | what it does |\n|---|---|---|---|---|\n" + string.Concat(TrainKeys.All.Select(Row)) + "\n";

    private static string Row(TrainKey key)
    {
        var others = key.Aliases.Count == 0 ? "" : $" (also {string.Join(", ", key.Aliases.Select(alias => $"`{alias}`"))})";
        var option = key.Value is null ? key.Option : $"{key.Option} {key.Value}";
        var (usual, range) = (Cell(key.Usual ?? ""), Cell(key.Range ?? "a text"));
        return $"| `{key.Key}`{others} | `{Cell(option)}` | {usual} | {range} | {Cell(key.About)}. |\n";
    }

    private static string Cell(string text) => text.Replace("|", "\\|", StringComparison.Ordinal);
}
