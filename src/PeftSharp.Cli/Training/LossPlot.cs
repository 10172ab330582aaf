using PeftSharp.Cli.Pictures;
using PeftSharp.Runs;
using ScottPlot;

namespace PeftSharp.Cli.Training;

/// <summary>The curve of a run as a picture.</summary>
internal static class LossPlot
{
    /// <summary>The loss, smoothed too, and the scores' loss where there is one, as PNG.</summary>
    public static byte[] Picture(TrainingCurves run) => Draw(run).GetImageBytes(900, 500, ImageFormat.Png);

    internal static Plot Draw(TrainingCurves run)
    {
        var plot = new Plot();
        double[] steps = [.. run.Losses.Select(l => (double)l.Step)];
        double[] losses = [.. run.Losses.Select(l => l.Loss)];
        Add(plot, steps, losses, "loss", Colors.LightSteelBlue, 1);
        Add(plot, steps, Smooth(losses), "loss, smoothed", Colors.SteelBlue, 2);
        if (run.Scores.Count > 0)
        {
            var scores = plot.Add.Scatter(
                run.Scores.Select(s => (double)s.Step).ToArray(),
                run.Scores.Select(s => s.Result.Values.GetValueOrDefault("loss", double.NaN)).ToArray(), Colors.DarkOrange);
            scores.LegendText = "loss on held-out rows";
        }
        plot.XLabel("step");
        plot.YLabel("loss");
        PictureStyle.Legend(plot);
        return plot;
    }

    private static void Add(Plot plot, double[] x, double[] y, string name, Color color, float width)
    {
        var line = plot.Add.ScatterLine(x, y, color);
        line.LegendText = name;
        line.LineWidth = width;
    }

    // A mean over the last twentieth of the run.
    private static double[] Smooth(double[] values)
    {
        var window = Math.Max(1, values.Length / 20);
        return [.. values.Select((_, i) => values[Math.Max(0, i - window + 1)..(i + 1)].Average())];
    }
}
