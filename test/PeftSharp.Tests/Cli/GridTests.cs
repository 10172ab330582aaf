using PeftSharp.Cli.Terminal;
using Spectre.Console;
using Grid = PeftSharp.Cli.Terminal.Grid;

namespace PeftSharp.Tests.Cli;

/// <summary>Tables on narrow terminals, in pipes, and with wide characters.</summary>
public sealed class GridTests
{
    private static readonly string[] Numbers = ["0.8312 ± 0.0041", "74,498", "0.328 %", "1.2 MB", "5e-4", "668.1 MB", "1234.5", "10,234"];

    [Theory]
    [InlineData(200, false)]
    [InlineData(120, false)]
    [InlineData(100, true)]
    [InlineData(80, true)]
    [InlineData(60, true)]
    [InlineData(40, true)]
    public void A_wide_table_fits_and_splits_no_number(int width, bool records)
    {
        foreach (var lines in (string[][])[Drawn(Wide(), width), [.. Wide().Plain(width)]])
        {
            Assert.All(lines, line => Assert.True(TextWidth.Of(line) <= width, $"{TextWidth.Of(line)} columns of {width}: {line}"));
            Assert.All(Numbers, number => Assert.Contains(lines, line => line.Contains(number, StringComparison.Ordinal)));
            if (records && width < 100) Assert.Contains(lines, line => line.StartsWith("score ", StringComparison.Ordinal));
        }
    }

    [Fact]
    public void A_pipe_gets_one_line_a_row_however_wide()
    {
        var lines = Wide().Plain(null).ToList();
        Assert.Equal(3, lines.Count);
        Assert.True(lines[1].Length > 140);
        Assert.Contains("a-very-long-name-of-a-dataset-that-somebody-made", lines[1]);
    }

    [Fact]
    public void Words_stay_whole_and_names_keep_their_ends()
    {
        var grid = new Grid("setting", ">default", "help");
        grid.Row("target_modules", "12345678", "Modules by name, or one pattern for their whole path, as in the reference implementation.");
        var lines = grid.Plain(60).ToList();
        Assert.All(lines, line => Assert.True(line.Length <= 60, line));
        var words = lines.SelectMany(l => l.Split(' ', StringSplitOptions.RemoveEmptyEntries)).ToHashSet();
        Assert.All(
            "Modules by name, or one pattern for their whole path, as in the reference implementation.".Split(' '),
            word => Assert.Contains(word, words));
        Assert.Equal("runs/ver…/seed42", TextWidth.Shorten("runs/very-long-path/seed42", 16));
        Assert.InRange(TextWidth.Of(TextWidth.Shorten("아주-긴-한국어-폴더-이름/어댑터", 16)), 15, 16);
    }

    [Theory]
    [InlineData("abc", 3)]
    [InlineData("한국어", 6)]
    [InlineData("日本語 text", 11)]
    [InlineData("e\u0301", 1)]
    [InlineData("\u1112\u1161\u11ab", 2)]
    [InlineData("ＡＢ", 4)]
    [InlineData("👍", 2)]
    [InlineData("‖ΔW‖", 4)]
    public void Width_is_counted_in_cells(string text, int cells) => Assert.Equal(cells, TextWidth.Of(text));

    [Fact]
    public void Columns_with_wide_characters_align()
    {
        var grid = new Grid("label", ">rows", "after");
        grid.Row("긍정", "1,204", "x");
        grid.Row("negative", "7", "x");
        grid.Row("中立的な意見", "12,345", "x");
        var at = grid.Plain(null).Skip(1).Select(line => TextWidth.Of(line[..line.IndexOf('x', StringComparison.Ordinal)])).Distinct();
        Assert.Single(at);
        Assert.Single(Drawn(grid, 80).Where(l => l.Length > 0).Select(TextWidth.Of).Distinct());
    }

    [Fact]
    public void A_long_line_is_wrapped_at_words_below_its_label()
    {
        var lines =
            TextWidth.Hang("settings:           target_modules=query,value, lora_alpha=16, lora_dropout=0.1, bias=none", 60, 20).ToList();
        Assert.Equal(
            [
                "settings:           target_modules=query,value,", "                    lora_alpha=16, lora_dropout=0.1,",
                "                    bias=none",
            ],
            lines);
        Assert.Equal(["short"], TextWidth.Hang("short", 60, 20));
    }

    [Fact]
    public void What_would_move_the_cursor_is_left_out()
    {
        var grid = new Grid("label", ">n");
        grid.Row("a\nb\u001b[2J\tc", "1");
        Assert.Equal(2, grid.Plain(null).Count());
        Assert.DoesNotContain('\u001b', string.Concat(grid.Plain(null)));
    }

    private static Grid Wide()
    {
        var grid = new Grid(
            "dataset", "method", "metric", ">score", ">trained", ">share", ">adapter", ">rate", ">peak memory", ">seconds",
            ">eval samples/s");
        grid.Row(
            [
                "a-very-long-name-of-a-dataset-that-somebody-made", "lora r=8 target_modules=query,value", "matthews_correlation",
                .. Numbers,
            ]);
        grid.Row("SST-2", "bitfit", "accuracy", "0.7912", "26,882", "0.1 %", "0.1 MB", "3e-3", "600.0 MB", "99.0", "1,234");
        return grid;
    }

    private static string[] Drawn(Grid grid, int width)
    {
        using var text = new StringWriter();
        var console = AnsiConsole.Create(
            new AnsiConsoleSettings
            {
                Out = new AnsiConsoleOutput(text),
                Ansi = AnsiSupport.No,
                ColorSystem = ColorSystemSupport.NoColors,
                Interactive = InteractionSupport.No,
            });
        console.Profile.Width = width;
        grid.Draw(console);
        return [.. text.ToString().Split('\n').Select(l => l.TrimEnd('\r'))];
    }
}
