using PeftSharp.Checkpoints;
using ScottPlot;

namespace PeftSharp.Cli.Data;

/// <summary>Labels and lengths of data as a picture.</summary>
internal static class DataPlot
{
    private const int Classes = 30;
    private static readonly Color[] Palette = [Color.FromHex("#1f5f99"), Color.FromHex("#d9822b"), Color.FromHex("#4b8b57")];

    public static void Write(string file, IReadOnlyList<DataPart> parts)
    {
        var multiplot = new Multiplot();
        var labelled = parts.Where(part => part.Profile.LabelCounts is not null).ToList();
        multiplot.AddPlots(labelled.Count > 0 ? 2 : 1);
        if (labelled.Count > 0) Labels(multiplot.GetPlot(0), labelled);
        Lengths(multiplot.GetPlot(labelled.Count > 0 ? 1 : 0), parts);
        var picture = multiplot.Render(900, labelled.Count > 0 ? 800 : 420).GetImageBytes(ImageFormat.Png);
        AtomicFile.Write(file, stream => stream.Write(picture));
    }

    private static void Labels(Plot plot, List<DataPart> parts)
    {
        string[] names = [.. parts.SelectMany(part => part.Data.LabelNames!).Distinct().Take(Classes)];
        var width = 0.8 / parts.Count;
        for (var p = 0; p < parts.Count; p++)
        {
            var (part, counts) = (parts[p], parts[p].Profile.LabelCounts!);
            Bar[] bars = [.. counts.Select((count, i) => (Count: count, At: Array.IndexOf(names, part.Data.LabelNames![i]))).Where(bar => bar.At >= 0).Select(bar => new Bar
            {
                Position = bar.At + (p - (parts.Count - 1) / 2.0) * width,
                Value = (double)bar.Count / part.Data.Count,
                Size = width,
                FillColor = Palette[p % Palette.Length],
                LineWidth = 0,
            })];
            plot.Add.Bars(bars).LegendText = part.Name;
        }
        plot.Axes.Bottom.SetTicks([.. Enumerable.Range(0, names.Length).Select(i => (double)i)], [.. names.Select(name => name.Length <= 20 ? name : name[..20] + "…")]);
        plot.Axes.Margins(bottom: 0);
        plot.YLabel("share of rows");
        plot.Title("labels");
        plot.ShowLegend();
    }

    private static void Lengths(Plot plot, IReadOnlyList<DataPart> parts)
    {
        for (var p = 0; p < parts.Count; p++)
        {
            double[] percents = [.. Enumerable.Range(0, 101).Select(i => (double)i)];
            var line = plot.Add.ScatterLine(percents.Select(percent => (double)parts[p].Lengths.Percentile(percent)).ToArray(), percents, Palette[p % Palette.Length]);
            line.LegendText = parts[p].Name;
            line.LineWidth = 2;
        }
        plot.XLabel($"{parts[0].Lengths.Unit} a row");
        plot.YLabel("% of rows that are no longer");
        plot.Title("lengths");
        plot.ShowLegend();
    }
}
