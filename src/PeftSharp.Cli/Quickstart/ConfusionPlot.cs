using System.Globalization;
using PeftSharp.Cli.Pictures;
using PeftSharp.Metrics;
using ScottPlot;

namespace PeftSharp.Cli.Quickstart;

/// <summary>Which class was taken for which, as a picture.</summary>
internal static class ConfusionPlot
{
    private const int NameCells = 34, SmallestCell = 34;
    private const float FontSize = 15;
    private static readonly Color Right = Color.FromHex("#1f5f99"),
        Wrong = Color.FromHex("#c0392b"), Empty = Color.FromHex("#f4f6f8"), Ink = Color.FromHex("#2b2f33");

    /// <summary>Draws counts; the diagonal holds what was right.</summary>
    public static void Write(string file, ConfusionMatrix matrix, IReadOnlyList<string> labels, string title)
    {
        var names = PictureStyle.Names([.. labels.Select(l => l.Replace('_', ' '))], NameCells);
        var (plot, pixels) = Draw(matrix, names, title + PictureStyle.Numbered(labels));
        plot.SavePng(file, pixels.Width, pixels.Height);
    }

    internal static (Plot Plot, (int Width, int Height) Pixels) Draw(ConfusionMatrix matrix, IReadOnlyList<string> labels, string title)
    {
        var plot = new Plot();
        var n = matrix.Classes;
        for (var expected = 0; expected < n; expected++)
        {
            var support = Math.Max(1, matrix.Scores(expected).Support);
            for (var predicted = 0; predicted < n; predicted++)
                Cell(
                    plot, predicted, n - 1 - expected, matrix[expected, predicted], (double)matrix[expected, predicted] / support,
                    expected == predicted);
        }
        string[] names = [.. labels];
        plot.Axes.Bottom.SetTicks([.. Enumerable.Range(0, n).Select(i => (double)i)], names);
        plot.Axes.Left.SetTicks([.. Enumerable.Range(0, n).Select(i => (double)(n - 1 - i))], names);
        Style(plot.Axes.Bottom);
        Style(plot.Axes.Left);
        var cell = Math.Clamp(1000 / n, SmallestCell, 160);
        var (left, bottom) = (PictureStyle.Pixels(names, FontSize) + 40, PictureStyle.Slant(plot.Axes.Bottom, names, cell, FontSize) + 40);
        plot.Axes.Bottom.MinimumSize = bottom;
        left = Math.Max(left, PictureStyle.Overhang(names, cell));
        plot.Axes.Left.MinimumSize = left;
        plot.Axes.SetLimits(-0.5, n - 0.5, -0.5, n - 0.5);
        plot.Axes.Title.Label.Text = title;
        plot.Axes.Title.Label.FontSize = 20;
        plot.Axes.Title.Label.ForeColor = Ink;
        plot.Axes.Right.FrameLineStyle.Width = 0;
        plot.Axes.Top.FrameLineStyle.Width = 0;
        plot.XLabel("answered", 16);
        plot.YLabel("right answer", 16);
        plot.Axes.Bottom.Label.Bold = plot.Axes.Left.Label.Bold = false;
        plot.HideGrid();
        PictureStyle.Fonts(plot, [.. names, title]);
        return (plot, (Math.Max(620, left + cell * n + 40), Math.Max(420, bottom + (int)(0.85 * cell * n) + 70)));
    }

    private static void Cell(Plot plot, int x, int y, long count, double share, bool right)
    {
        var cell = plot.Add.Rectangle(x - 0.48, x + 0.48, y - 0.48, y + 0.48);
        cell.LineWidth = 0;
        cell.FillColor = count == 0 ? Empty : Empty.MixedWith(right ? Right : Wrong, Math.Clamp(0.15 + 0.85 * share, 0, 1));
        if (count == 0) return;
        var text = plot.Add.Text(count.ToString(CultureInfo.InvariantCulture), x, y);
        text.LabelAlignment = Alignment.MiddleCenter;
        text.LabelFontSize = 18;
        text.LabelBold = right;
        text.LabelFontColor = share > 0.4 ? Colors.White : Ink;
    }

    private static void Style(IAxis axis)
    {
        axis.MajorTickStyle.Length = 0;
        axis.FrameLineStyle.Width = 0;
        axis.TickLabelStyle.FontSize = FontSize;
        axis.TickLabelStyle.ForeColor = Ink;
    }
}
