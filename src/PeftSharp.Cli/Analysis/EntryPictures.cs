using PeftSharp.Analysis.Entries;

namespace PeftSharp.Cli.Analysis;

/// <summary>Which single weights sparse adapters change, by layer and module, as heat maps.</summary>
internal static class EntryPictures
{
    public const string Changed = "changed-weights.png", Common = "common-weights.png";

    /// <summary>Draws what there is to draw; returns the names of the files.</summary>
    public static IReadOnlyList<string> Write(
        string folder, IReadOnlyList<ChangedTensor> changed, IReadOnlyList<EntryOverlap>? common, string name)
    {
        foreach (var old in (string[])[Changed, Common]) File.Delete(Path.Combine(folder, old));
        if (changed.Count == 0) return [];
        var shares = ChangedEntries.ByPlace(changed).ToDictionary(p => (p.Region, p.Module), p => p.Share);
        Draw(Path.Combine(folder, Changed), shares, $"{name}: share of weights that are changed", null);
        if (common is not { Count: > 0 }) return [Changed];
        var overlaps = common.ToDictionary(o => (o.Region, o.Module), o => o.OfSmaller);
        Draw(Path.Combine(folder, Common), overlaps, "weights changed by both / by the adapter that changes fewer", 1);
        return [Changed, Common];
    }

    private static void Draw(string file, Dictionary<(string Region, string Module), double> values, string title, double? most)
    {
        var (rows, columns, grid) = Grid(values);
        HeatMap.Write(file, grid, Labels(rows), columns, title, "", "", most);
    }

    /// <summary>Layers by modules; modules outside the layers share one column each with nobody, and come last.</summary>
    internal static (IReadOnlyList<string> Rows, IReadOnlyList<string> Columns, double[,] Values) Grid(
        IReadOnlyDictionary<(string Region, string Module), double> values)
    {
        List<string> rows = [.. values.Keys.Select(k => k.Region).Distinct()];
        List<string> columns = [.. values.Keys.OrderBy(k => IsLayer(k.Region) ? 0 : 1).Select(k => k.Module).Distinct()];
        var grid = new double[rows.Count, columns.Count];
        for (var row = 0; row < rows.Count; row++)
            for (var column = 0; column < columns.Count; column++)
                grid[row, column] = values.TryGetValue((rows[row], columns[column]), out var value) ? value : double.NaN;
        return (rows, columns, grid);
    }

    private static bool IsLayer(string region) => region.Split('.')[^1].All(char.IsAsciiDigit);

    // "layer 3" where all layers are of one stack, else the path.
    private static List<string> Labels(IReadOnlyList<string> regions)
    {
        var stacks = regions.Where(IsLayer).Select(r => r[..r.LastIndexOf('.')]).Distinct().Count();
        return [.. regions.Select(r => IsLayer(r) && stacks == 1 ? $"layer {r.Split('.')[^1]}" : r)];
    }
}
