using PeftSharp.Cli.Pictures;
using PeftSharp.Files;
using PeftSharp.Runs.Rows;
using ScottPlot;

namespace PeftSharp.Cli.Data;

/// <summary>Labels and lengths of data as a picture.</summary>
internal static class DataPlot
{
    private const int Classes = 30, NameCells = 20, Width = 760;
    private static readonly Color[] Palette = PictureStyle.Palette;

    public static void Write(string file, IReadOnlyList<DataPart> parts)
    {
        var picture = Draw(parts);
        AtomicFile.Write(
            file, stream => stream.Write(picture.Render(900, picture.Subplots.Count > 1 ? 900 : 460).GetImageBytes(ImageFormat.Png)));
    }

    internal static Multiplot Draw(IReadOnlyList<DataPart> parts)
    {
        var multiplot = new Multiplot();
        var labelled = parts.Where(part => part.Profile.LabelCounts is not null).ToList();
        multiplot.AddPlots(labelled.Count > 0 ? 2 : 1);
        if (labelled.Count > 0) Labels(multiplot.GetPlot(0), labelled);
        Lengths(multiplot.GetPlot(labelled.Count > 0 ? 1 : 0), parts);
        return multiplot;
    }

    private static void Labels(Plot plot, List<DataPart> parts)
    {
        string[] names = [.. parts.SelectMany(part => part.Data.LabelNames!).Distinct()];
        var distinct = names.Length;
        names = [.. names.Take(Classes)];
        var width = 0.8 / parts.Count;
        for (var p = 0; p < parts.Count; p++)
        {
            var (part, counts) = (parts[p], parts[p].Profile.LabelCounts!);
            Bar[] bars = [.. counts.Select((count, i) => (Count: count, At: Array.IndexOf(names, part.Data.LabelNames![i])))
                .Where(bar => bar.At >= 0).Select(bar => new Bar
            {
                Position = bar.At + (p - (parts.Count - 1) / 2.0) * width,
                Value = (double)bar.Count / part.Data.Count,
                Size = width,
                FillColor = Palette[p % Palette.Length],
                LineWidth = 0,
            })];
            plot.Add.Bars(bars).LegendText = part.Name;
        }
        var shown = PictureStyle.Names(names, NameCells);
        plot.Axes.Bottom.SetTicks([.. Enumerable.Range(0, names.Length).Select(i => (double)i)], shown);
        plot.Axes.Bottom.MinimumSize = PictureStyle.Slant(plot.Axes.Bottom, shown, Width / (float)names.Length);
        plot.Axes.Left.MinimumSize = PictureStyle.Overhang(shown, Width / (float)names.Length);
        plot.Axes.Margins(bottom: 0);
        plot.YLabel("share of rows");
        plot.Title((distinct > names.Length ? $"labels: {names.Length} of {distinct}" : "labels") + PictureStyle.Numbered(names));
        PictureStyle.Legend(plot);
        PictureStyle.Fonts(plot, shown);
    }

    private static void Lengths(Plot plot, IReadOnlyList<DataPart> parts)
    {
        for (var p = 0; p < parts.Count; p++)
        {
            double[] percents = [.. Enumerable.Range(0, 101).Select(i => (double)i)];
            var line = plot.Add.ScatterLine(
                percents.Select(percent => (double)parts[p].Lengths.Percentile(percent)).ToArray(), percents, Palette[p % Palette.Length]);
            line.LegendText = parts[p].Name;
            line.LineWidth = 2;
        }
        plot.XLabel($"{parts[0].Lengths.Unit} a row");
        plot.YLabel("% of rows that are no longer");
        plot.Title("lengths");
        PictureStyle.Legend(plot);
    }
}
