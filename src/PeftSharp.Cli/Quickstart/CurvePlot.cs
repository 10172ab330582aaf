using PeftSharp.Cli.Pictures;
using PeftSharp.Runs;
using ScottPlot;

namespace PeftSharp.Cli.Quickstart;

/// <summary>The course of the run as a picture: losses on the left axis, held-out accuracy on the right.</summary>
internal static class CurvePlot
{
    private static readonly Color Step = Color.FromHex("#b9cfe4"),
        Smooth = Color.FromHex("#1f5f99"), Held = Color.FromHex("#e08a1e"), Accuracy = Color.FromHex("#2f8f5b"),
        Ink = Color.FromHex("#2b2f33");

    /// <summary>Draws the curves that the progress kept.</summary>
    public static void Write(string file, TrainingCurves run)
    {
        if (run.Losses.Count > 0) Draw(run).SavePng(file, 1000, 600);
    }

    internal static Plot Draw(TrainingCurves run)
    {
        var plot = new Plot();
        double[] steps = [.. run.Losses.Select(l => (double)l.Step)];
        double[] losses = [.. run.Losses.Select(l => l.Loss)];
        Line(plot, steps, losses, Step, 1.5f, "loss of each step");
        Line(plot, steps, Mean(losses), Smooth, 3, "loss, running mean");
        if (run.Scores.Count > 0)
        {
            double[] scored = [.. run.Scores.Select(s => (double)s.Step)];
            Points(
                plot, scored, [.. run.Scores.Select(s => s.Result.Values.GetValueOrDefault("loss", double.NaN))], Held,
                "loss, held-out sentences");
            var right = Points(
                plot, scored, [.. run.Scores.Select(s => 100 * s.Result.Values.GetValueOrDefault("accuracy", double.NaN))], Accuracy,
                "accuracy, held-out sentences (%)");
            right.Axes.YAxis = plot.Axes.Right;
            plot.Axes.SetLimitsY(0, 100, plot.Axes.Right);
            plot.Axes.Right.Label.Text = "accuracy (%)";
            Style(plot.Axes.Right);
        }
        plot.Axes.SetLimitsX(0, 1.01 * steps[^1]);
        plot.Axes.SetLimitsY(0, 1.05 * losses.Max(), plot.Axes.Left);
        plot.XLabel("step");
        plot.YLabel("loss");
        Style(plot.Axes.Bottom);
        Style(plot.Axes.Left);
        plot.Axes.Top.FrameLineStyle.Width = 0;
        plot.Grid.MajorLineColor = Color.FromHex("#e6e9ec");
        PictureStyle.Legend(plot);
        return plot;
    }

    private static void Line(Plot plot, double[] x, double[] y, Color color, float width, string name)
    {
        var line = plot.Add.ScatterLine(x, y, color);
        (line.LineWidth, line.LegendText) = (width, name);
    }

    private static ScottPlot.Plottables.Scatter Points(Plot plot, double[] x, double[] y, Color color, string name)
    {
        var points = plot.Add.Scatter(x, y, color);
        (points.LineWidth, points.MarkerSize, points.LegendText) = (2.5f, 9, name);
        return points;
    }

    private static void Style(IAxis axis)
    {
        axis.Label.FontSize = 17;
        axis.Label.Bold = false;
        axis.Label.ForeColor = axis.TickLabelStyle.ForeColor = Ink;
        axis.TickLabelStyle.FontSize = 14;
    }

    // Over the last twentieth of the run.
    private static double[] Mean(double[] values)
    {
        var window = Math.Max(1, values.Length / 20);
        return [.. values.Select((_, i) => values[Math.Max(0, i - window + 1)..(i + 1)].Average())];
    }
}
