using Spectre.Console;

namespace PeftSharp.Cli.Terminal;

/// <summary>A table of texts: drawn on a terminal, aligned columns in a pipe.</summary>
internal sealed class Grid
{
    private readonly Table _table = new();

    /// <param name="columns">Column heads; one that starts with ">" is aligned to the right.</param>
    public Grid(params string[] columns)
    {
        _table.Border = Screen.OutIsPlain ? TableBorder.None : TableBorder.Rounded;
        foreach (var column in columns)
        {
            var right = column.StartsWith('>');
            _table.AddColumn(new TableColumn(new Text(right ? column[1..] : column, new Style(decoration: Decoration.Bold)))
            {
                Alignment = right ? Justify.Right : Justify.Left,
                NoWrap = Screen.OutIsPlain,
            });
        }
    }

    public void Row(params string?[] cells) => _table.AddRow(cells.Select(c => new Text(c ?? "")));

    public void Write() => Screen.Out.Write(_table);
}
