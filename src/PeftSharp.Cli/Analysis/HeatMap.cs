using System.Globalization;
using PeftSharp.Cli.Pictures;
using ScottPlot;

namespace PeftSharp.Cli.Analysis;

/// <summary>Numbers in a grid of rows and columns as a picture; white where there is none.</summary>
internal static class HeatMap
{
    private static readonly Color Low = Color.FromHex("#f4f6f8"), High = Color.FromHex("#1f5f99"), Ink = Color.FromHex("#2b2f33");
    private const int CellWidth = 90, CellHeight = 44, NameCells = 30, Margin = 40;

    /// <summary>Draws cells by their value between 0 and <paramref name="most"/>; rows from top to bottom.</summary>
    public static void Write(
        string file, double[,] values, IReadOnlyList<string> rows, IReadOnlyList<string> columns, string title, string x, string y,
        double? most = null)
    {
        var (plot, pixels) = Draw(values, PictureStyle.Names(rows, NameCells), PictureStyle.Names(columns, NameCells), title, x, y, most);
        plot.SavePng(file, pixels.Width, pixels.Height);
    }

    internal static (Plot Plot, (int Width, int Height) Pixels) Draw(
        double[,] values, IReadOnlyList<string> rows, IReadOnlyList<string> columns, string title, string x, string y, double? most = null)
    {
        var plot = new Plot();
        var (height, width) = (values.GetLength(0), values.GetLength(1));
        var largest = most ?? values.Cast<double>().Where(double.IsFinite).DefaultIfEmpty(1).Max();
        for (var row = 0; row < height; row++)
            for (var column = 0; column < width; column++)
                if (double.IsFinite(values[row, column])) Cell(plot, column, height - 1 - row, values[row, column], largest);
        plot.Axes.Bottom.SetTicks([.. Enumerable.Range(0, width).Select(i => (double)i)], [.. columns]);
        plot.Axes.Left.SetTicks([.. Enumerable.Range(0, height).Select(i => (double)(height - 1 - i))], [.. rows]);
        var (left, bottom) =
            (PictureStyle.Pixels(rows) + (y.Length > 0 ? Margin : 0), PictureStyle.Slant(plot.Axes.Bottom, columns, CellWidth));
        if (x.Length > 0) bottom += Margin;
        left = Math.Max(left, PictureStyle.Overhang(columns, CellWidth));
        plot.Axes.Left.MinimumSize = left;
        plot.Axes.Bottom.MinimumSize = bottom;
        foreach (var axis in (IAxis[])[plot.Axes.Bottom, plot.Axes.Left]) axis.FrameLineStyle.Width = axis.MajorTickStyle.Length = 0;
        plot.Axes.Right.FrameLineStyle.Width = plot.Axes.Top.FrameLineStyle.Width = 0;
        plot.Axes.SetLimits(-0.5, width - 0.5, -0.5, height - 0.5);
        plot.HideGrid();
        plot.Title(title);
        plot.XLabel(x);
        plot.YLabel(y);
        PictureStyle.Fonts(plot, [.. rows, .. columns, title]);
        return (plot, (Math.Max(560, left + CellWidth * width + Margin), Math.Max(360, bottom + CellHeight * height + 2 * Margin)));
    }

    private static void Cell(Plot plot, int x, int y, double value, double largest)
    {
        var share = largest > 0 ? Math.Clamp(value / largest, 0, 1) : 0;
        var cell = plot.Add.Rectangle(x - 0.49, x + 0.49, y - 0.48, y + 0.48);
        cell.LineWidth = 0;
        cell.FillColor = Low.MixedWith(High, share);
        var text = plot.Add.Text(value.ToString(value is >= 0.095 or 0 ? "0.00" : "0.0e+0", CultureInfo.InvariantCulture), x, y);
        text.LabelAlignment = Alignment.MiddleCenter;
        text.LabelFontSize = 13;
        text.LabelFontColor = share > 0.5 ? Colors.White : Ink;
    }
}
