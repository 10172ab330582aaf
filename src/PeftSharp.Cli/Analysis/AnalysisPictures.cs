using PeftSharp.Analysis;

namespace PeftSharp.Cli.Analysis;

/// <summary>The pictures of an analysis.</summary>
internal static class AnalysisPictures
{
    private const string Spectra = "spectrum.png", NormMap = "norms.png", Inputs = "overlap-input.png", Outputs = "overlap-output.png";

    /// <summary>Draws what there is to draw, in place of what an earlier analysis drew; returns the names of the files.</summary>
    public static IReadOnlyList<string> Write(
        string folder, AdapterAnalysis analysis, IReadOnlyList<SubspaceOverlap>? overlaps, string name)
    {
        string[] names = [Spectra, NormMap, Inputs, Outputs];
        foreach (var old in names) File.Delete(Path.Combine(folder, old));
        var maps = analysis.Matrices.Where(m => m.Place.Group == MatrixGroup.Maps && m.Place.Layer >= 0).ToList();
        if (maps.Any(m => m.Spectrum.Energy > 0))
        {
            SpectrumPlot.Write(Path.Combine(folder, Spectra), analysis, $"{name}: singular values of ΔW");
            Norms(Path.Combine(folder, NormMap), maps, name);
        }
        if (overlaps is { Count: > 0 })
        {
            Overlap(Path.Combine(folder, Inputs), overlaps, true);
            Overlap(Path.Combine(folder, Outputs), overlaps, false);
        }
        return [.. names.Where(n => File.Exists(Path.Combine(folder, n)))];
    }

    private static void Norms(string file, List<MatrixReport> maps, string name)
    {
        var layers = maps.Select(m => m.Place.Layer).Distinct().Order().ToList();
        var modules = maps.Select(m => m.Place.Module).Distinct().ToList();
        var values = Empty(layers.Count, modules.Count);
        foreach (var map in maps) values[layers.IndexOf(map.Place.Layer), modules.IndexOf(map.Place.Module)] = map.RelativeNorm;
        HeatMap.Write(file, values, [.. layers.Select(l => $"layer {l}")], modules, $"{name}: ‖ΔW‖ / ‖W‖", "", "");
    }

    private static void Overlap(string file, IReadOnlyList<SubspaceOverlap> overlaps, bool input)
    {
        var (rows, columns) = (overlaps.Max(o => o.In.GetLength(0)), overlaps.Max(o => o.In.GetLength(1)));
        var values = Empty(rows, columns);
        for (var i = 0; i < rows; i++)
            for (var j = 0; j < columns; j++) values[i, j] = SubspaceOverlap.Mean(overlaps, i + 1, j + 1, input);
        string[] Numbers(int count) => [.. Enumerable.Range(1, count).Select(n => $"{n}")];
        HeatMap.Write(
            file, values, Numbers(rows), Numbers(columns), $"φ(i, j) of the {(input ? "input" : "output")} directions", "j, second adapter",
            "i, first adapter", most: 1);
    }

    private static double[,] Empty(int rows, int columns)
    {
        var values = new double[rows, columns];
        for (var row = 0; row < rows; row++)
            for (var column = 0; column < columns; column++) values[row, column] = double.NaN;
        return values;
    }
}
