using Spectre.Console;

namespace PeftSharp.Cli.Terminal;

/// <summary>
/// A table of texts: drawn on a terminal as wide as that is, aligned columns of any width in a pipe. What is too wide for a terminal is
/// fitted: heads and texts are wrapped at words, numbers never; where that does not do, each row becomes a record of lines.
/// </summary>
/// <param name="columns">Column heads; one that starts with ">" is a number, aligned to the right.</param>
internal sealed class Grid(params string[] columns)
{
    private const int LongestCell = 1000;

    private readonly List<string[]> _rows = [];
    private readonly string[] _heads = [.. columns.Select(c => TextWidth.OneLine(c.StartsWith('>') ? c[1..] : c))];

    public void Row(params string?[] cells) => _rows.Add([.. cells.Select(c => TextWidth.OneLine(Printable.Cut(c ?? "", LongestCell)))]);

    public void Write()
    {
        if (Screen.OutIsPlain)
            foreach (var line in Plain(Screen.OutWidth)) Console.Out.WriteLine(line);
        else Draw(Screen.Out);
    }

    /// <summary>The lines of a pipe, or of a terminal without colours.</summary>
    /// <param name="width">Columns of the terminal; null for as many as the table takes.</param>
    public IEnumerable<string> Plain(int? width)
    {
        if (Widths(width, 2 * (_heads.Length - 1)) is not { } widths) return Records(width!.Value);
        return _rows.Prepend(_heads).SelectMany(row => Lines(row, widths));
    }

    /// <summary>Draws the table on a console, with lines around it.</summary>
    public void Draw(IAnsiConsole console)
    {
        if (Widths(console.Profile.Width, 3 * _heads.Length + 1) is not { } widths)
        {
            foreach (var line in Records(console.Profile.Width)) console.WriteLine(line);
            return;
        }
        var table = new Table { Border = TableBorder.Rounded };
        for (var i = 0; i < _heads.Length; i++)
        {
            var head = new Text(Cell(_heads[i], widths[i]), new Style(decoration: Decoration.Bold));
            table.AddColumn(
                new TableColumn(head) { Alignment = IsNumber(i) ? Justify.Right : Justify.Left, NoWrap = true, Width = widths[i] });
        }
        foreach (var row in _rows) table.AddRow(row.Select((cell, i) => new Text(Cell(cell, widths[i]))));
        console.Write(table);
    }

    private bool IsNumber(int column) => columns[column].StartsWith('>');

    private static string Cell(string text, int width) => string.Join('\n', TextWidth.Wrap(text, width));

    private IEnumerable<string> Lines(string[] row, int[] widths)
    {
        var cells = row.Select((cell, i) => TextWidth.Wrap(cell, widths[i])).ToList();
        for (var line = 0; line < cells.Max(c => c.Count); line++)
            yield return string.Join(
                "  ", cells.Select((cell, i) => TextWidth.Pad(line < cell.Count ? cell[line] : "", widths[i], IsNumber(i))))
                .TrimEnd();
    }

    // Null where the columns do not fit side by side.
    private int[]? Widths(int? width, int between)
    {
        var whole = Enumerable.Range(0, _heads.Length).Select(i => Math.Max(TextWidth.Of(_heads[i]), OfCells(i))).ToArray();
        if (width is not { } room || whole.Sum() + between <= room) return whole;
        var least = Enumerable.Range(0, _heads.Length).Select(Least).ToArray();
        var left = room - between - least.Sum();
        return left < 0 ? null : TableFit.Share(least, whole, left);
    }

    // A number is never broken, a word of a head neither; texts keep room for a few words, or a name that is told from others.
    private int Least(int column)
    {
        var head = TextWidth.OfLongestWord(_heads[column]);
        return Math.Max(head, IsNumber(column) ? OfCells(column) : Math.Min(OfCells(column), TableFit.LeastText));
    }

    private int OfCells(int column) => _rows.Select(r => TextWidth.Of(r[column])).DefaultIfEmpty(0).Max();

    private IEnumerable<string> Records(int width)
    {
        var label = Math.Min(_heads.Max(TextWidth.Of), Math.Max(1, width / 2));
        foreach (var row in _rows)
        {
            for (var i = 0; i < row.Length; i++)
            {
                if (row[i].Length == 0) continue;
                var value = IsNumber(i) ? [row[i]] : TextWidth.Wrap(row[i], Math.Max(1, width - label - 2));
                for (var line = 0; line < value.Count; line++)
                    yield return $"{TextWidth.Pad(line == 0 ? TextWidth.Shorten(_heads[i], label) : "", label, right: false)}  "
                        + $"{value[line]}";
            }
            yield return "";
        }
    }
}
