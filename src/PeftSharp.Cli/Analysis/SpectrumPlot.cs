using PeftSharp.Analysis;
using PeftSharp.Cli.Pictures;
using ScottPlot;

namespace PeftSharp.Cli.Analysis;

/// <summary>How fast the singular values of each layer's changes fall.</summary>
internal static class SpectrumPlot
{
    /// <summary>One line a layer: σ_i / σ_1, averaged over its matrices, on a logarithmic scale.</summary>
    public static void Write(string file, AdapterAnalysis analysis, string title)
    {
        var layers = analysis.Matrices.Where(m => m.Place.Group == MatrixGroup.Maps && m.Spectrum.Energy > 0)
            .GroupBy(m => m.Place.Layer)
            .OrderBy(g => g.Key)
            .ToList();
        if (layers.Count == 0) return;
        var curves =
            layers.Select(l => (l.Key < 0 ? "outside the layers" : $"layer {l.Key}", Mean([.. l.Select(m => m.Spectrum)]))).ToList();
        Draw(curves, title).SavePng(file, 900, 560);
    }

    internal static Plot Draw(IReadOnlyList<(string Name, double[] Values)> curves, string title)
    {
        var plot = new Plot();
        for (var i = 0; i < curves.Count; i++)
        {
            var curve = curves[i].Values;
            var line = plot.Add.ScatterLine(
                Enumerable.Range(1, curve.Length).Select(r => (double)r).ToArray(), curve.Select(Math.Log10).ToArray(),
                Colour(i, curves.Count));
            line.LegendText = PictureStyle.Series(curves[i].Name, i, curves.Count);
            line.LineWidth = 2;
            line.MarkerSize = curve.Length <= 64 ? 5 : 0;
        }
        plot.Axes.Left.TickGenerator = new ScottPlot.TickGenerators.NumericAutomatic
        {
            LabelFormatter = exponent => FormattableString.Invariant($"{Math.Pow(10, exponent):G2}"),
        };
        plot.Axes.Bottom.TickGenerator = new ScottPlot.TickGenerators.NumericAutomatic { IntegerTicksOnly = true };
        plot.Title(title);
        plot.XLabel("index of the singular value");
        plot.YLabel("share of the largest");
        PictureStyle.Legend(plot);
        return plot;
    }

    // Geometric, over the matrices that have so many; what is below float32's resolution is cut off.
    private static double[] Mean(IReadOnlyList<Spectrum> spectra)
    {
        var length = spectra.Max(s => s.NumericalRank);
        return [
            .. Enumerable.Range(0, length)
                .Select(i => Math.Exp(spectra.Where(s => s.NumericalRank > i).Average(s => Math.Log(s.Values[i] / s.Largest)))),
        ];
    }

    private static Color Colour(int index, int count) =>
        Color.FromHex("#9ecae1").MixedWith(Color.FromHex("#08306b"), count == 1 ? 1 : (double)index / (count - 1));
}
