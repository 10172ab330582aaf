using PeftSharp.Cli.Pictures;
using PeftSharp.Runs;
using PeftSharp.Runs.Autotuning;
using ScottPlot;

namespace PeftSharp.Cli.Autotuning;

/// <summary>What a search has found as a picture: score against weights, whose axis is logarithmic, and the front as steps.</summary>
internal static class ParetoPlot
{
    private static readonly Color Tried = Color.FromHex("#1f5f99"), Briefly = Color.FromHex("#a9b3bb"), Front = Color.FromHex("#d9822b");

    /// <summary>Draws it into a file where there is something to draw; a system may lack what drawing needs, which is told.</summary>
    public static void TryWrite(string file, Autotune search, Action<string> tell)
    {
        if (search.Front.Count == 0) return;
        try
        {
            Draw(search.Trials, search.Front).SavePng(file, 1000, 600);
        }
        catch (Exception e) when (e is DllNotFoundException or TypeInitializationException or InvalidOperationException)
        {
            tell($"{Path.GetFileName(file)} was not drawn ({e.GetType().Name}).");
        }
    }

    internal static Plot Draw(IReadOnlyList<TunedTrial> trials, IReadOnlyList<TunedTrial> front)
    {
        var plot = new Plot();
        var longest = trials.Max(t => t.Epochs);
        Points(plot, [.. trials.Where(t => t.Epochs < longest)], Briefly, "tried briefly");
        Points(plot, [.. trials.Where(t => t.Epochs == longest)], Tried, "tried for all epochs");
        Points(plot, front, Front, "nothing better with as few weights");
        Steps(plot, front);
        var least = (int)Math.Floor(trials.Min(X));
        var most = Math.Max((int)Math.Ceiling(trials.Max(X)), least + 1);
        double[] powers = [.. Enumerable.Range(least, most - least + 1).Select(p => (double)p)];
        plot.Axes.Bottom.SetTicks(powers, [.. powers.Select(p => Figures.Count((long)Math.Pow(10, p)))]);
        plot.Axes.SetLimitsX(least - 0.1, most + 0.1);
        plot.XLabel("trained weights, the head not counted");
        plot.YLabel($"{front[0].Metric}, on training rows set apart");
        PictureStyle.Legend(plot);
        return plot;
    }

    private static double X(TunedTrial trial) => Math.Log10(Math.Max(1, trial.Weights));

    private static void Points(Plot plot, IReadOnlyList<TunedTrial> trials, Color color, string name)
    {
        if (trials.Count == 0) return;
        var points = plot.Add.ScatterPoints(trials.Select(X).ToArray(), trials.Select(t => t.Score).ToArray(), color);
        (points.MarkerSize, points.LegendText) = (11, name);
    }

    // Between two points of the front the better score needs the weights of the second.
    private static void Steps(Plot plot, IReadOnlyList<TunedTrial> front)
    {
        var (x, y) = (new List<double>(), new List<double>());
        foreach (var trial in front)
        {
            if (x.Count > 0)
            {
                x.Add(X(trial));
                y.Add(y[^1]);
            }
            x.Add(X(trial));
            y.Add(trial.Score);
        }
        var line = plot.Add.ScatterLine(x.ToArray(), y.ToArray(), Front);
        line.LineWidth = 2;
    }
}
