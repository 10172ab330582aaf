using Spectre.Console;

namespace PeftSharp.Cli.Terminal;

/// <summary>A table of texts: drawn on a terminal, aligned columns of any width in a pipe.</summary>
/// <param name="columns">Column heads; one that starts with ">" is aligned to the right.</param>
internal sealed class Grid(params string[] columns)
{
    private readonly List<string[]> _rows = [];

    public void Row(params string?[] cells) => _rows.Add([.. cells.Select(c => c ?? "")]);

    public void Write()
    {
        if (Screen.OutIsPlain) Plain();
        else Draw();
    }

    private void Plain()
    {
        string[] heads = [.. columns.Select(c => c.TrimStart('>'))];
        var widths = heads.Select((head, i) => _rows.Select(r => r[i].Length).Append(head.Length).Max()).ToArray();
        foreach (var row in _rows.Prepend(heads))
            Console.Out.WriteLine(string.Join("  ", row.Select((cell, i) => columns[i].StartsWith('>') ? cell.PadLeft(widths[i]) : cell.PadRight(widths[i]))).TrimEnd());
    }

    private void Draw()
    {
        var table = new Table { Border = TableBorder.Rounded };
        foreach (var column in columns)
        {
            var right = column.StartsWith('>');
            table.AddColumn(new TableColumn(new Text(right ? column[1..] : column, new Style(decoration: Decoration.Bold)))
            {
                Alignment = right ? Justify.Right : Justify.Left,
                NoWrap = column == columns[0],
            });
        }
        foreach (var row in _rows) table.AddRow(row.Select(c => new Text(c)));
        Screen.Out.Write(table);
    }
}
