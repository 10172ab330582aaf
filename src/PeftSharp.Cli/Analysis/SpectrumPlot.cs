using PeftSharp.Evaluation.Analysis;
using ScottPlot;

namespace PeftSharp.Cli.Analysis;

/// <summary>How fast the singular values of each layer's changes fall.</summary>
internal static class SpectrumPlot
{
    /// <summary>One line a layer: σ_i / σ_1, averaged over its matrices, on a logarithmic scale.</summary>
    public static void Write(string file, AdapterAnalysis analysis, string title)
    {
        var plot = new Plot();
        var layers = analysis.Matrices.Where(m => m.Place.Group == MatrixGroup.Maps && m.Spectrum.Energy > 0).GroupBy(m => m.Place.Layer).OrderBy(g => g.Key).ToList();
        if (layers.Count == 0) return;
        for (var i = 0; i < layers.Count; i++)
        {
            var curve = Mean([.. layers[i].Select(m => m.Spectrum)]);
            var line = plot.Add.ScatterLine(Enumerable.Range(1, curve.Length).Select(r => (double)r).ToArray(), curve.Select(Math.Log10).ToArray(), Colour(i, layers.Count));
            line.LegendText = layers[i].Key < 0 ? "outside the layers" : $"layer {layers[i].Key}";
            line.LineWidth = 2;
            line.MarkerSize = curve.Length <= 64 ? 5 : 0;
        }
        plot.Axes.Left.TickGenerator = new ScottPlot.TickGenerators.NumericAutomatic { LabelFormatter = exponent => FormattableString.Invariant($"{Math.Pow(10, exponent):G2}") };
        plot.Axes.Bottom.TickGenerator = new ScottPlot.TickGenerators.NumericAutomatic { IntegerTicksOnly = true };
        plot.Title(title);
        plot.XLabel("index of the singular value");
        plot.YLabel("share of the largest");
        plot.ShowLegend(Alignment.UpperRight);
        plot.SavePng(file, 900, 560);
    }

    // Geometric, over the matrices that have so many; what is below float32's resolution is cut off.
    private static double[] Mean(IReadOnlyList<Spectrum> spectra)
    {
        var length = spectra.Max(s => s.NumericalRank);
        return [.. Enumerable.Range(0, length).Select(i => Math.Exp(spectra.Where(s => s.NumericalRank > i).Average(s => Math.Log(s.Values[i] / s.Largest))))];
    }

    private static Color Colour(int index, int count) => Color.FromHex("#9ecae1").MixedWith(Color.FromHex("#08306b"), count == 1 ? 1 : (double)index / (count - 1));
}
