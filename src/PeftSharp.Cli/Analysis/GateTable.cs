using PeftSharp.Analysis.Gates;
using PeftSharp.Cli.Terminal;

namespace PeftSharp.Cli.Analysis;

/// <summary>How far gates are open: a table, and a picture by layer and text.</summary>
internal static class GateTable
{
    /// <summary>The picture's name.</summary>
    public const string Picture = "gates.png";

    private const int MostTexts = 24, PlaceParts = 2;

    /// <summary>Prints the table.</summary>
    public static void Write(GateReport report)
    {
        Console.Out.WriteLine();
        Console.Out.WriteLine($"Gates, over {Figures.Count(report.Texts)} texts");
        var grid = new Grid(">layer", "method", "place", ">mean", ">least", ">most");
        foreach (var gate in report.Gates)
            grid.Row(
                $"{gate.Layer}", gate.Method, Short(gate.Place), Figures.Score(gate.Mean), Figures.Score(gate.Values.Min()),
                Figures.Score(gate.Values.Max()));
        grid.Write();
    }

    /// <summary>Draws the picture: a row for each gate, a column for each of the first texts.</summary>
    /// <returns>The files that were written: none without a report.</returns>
    public static IReadOnlyList<string> Draw(string folder, GateReport? report, string name)
    {
        if (report is null) return [];
        var texts = Math.Min(MostTexts, report.Texts);
        var values = new double[report.Gates.Count, texts];
        for (var row = 0; row < report.Gates.Count; row++)
            for (var text = 0; text < texts; text++) values[row, text] = report.Gates[row].Values[text];
        HeatMap.Write(
            Path.Combine(folder, Picture), values, [.. report.Gates.Select(g => $"{g.Layer} {g.Method} {Short(g.Place)}")],
            [.. Enumerable.Range(1, texts).Select(i => $"{i}")], $"{name}: gates", "text", "", most: 1);
        return [Picture];
    }

    // The layer is told apart.
    private static string Short(string place) => string.Join('.', place.Split('.').TakeLast(PlaceParts));
}
