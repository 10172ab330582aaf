using System.Globalization;
using PeftSharp.Cli.Terminal;
using PeftSharp.Runs.Rows;

namespace PeftSharp.Cli.Data;

/// <summary>Shows what was found in data as tables and text histograms.</summary>
internal static class DataReport
{
    private const int Classes = 50;

    // What the other columns of a histogram leave of a terminal.
    private static int BarWidth => Math.Clamp((Screen.OutWidth ?? 80) - 40, 10, 40);

    public static void Print(IReadOnlyList<DataPart> parts)
    {
        Summary(parts);
        Columns(parts[0]);
        Labels(parts);
        Prompts(parts);
        Lengths(parts);
        foreach (var part in parts) Histogram(part);
        foreach (var part in parts) Remarks(part);
    }

    private static void Summary(IReadOnlyList<DataPart> parts)
    {
        var grid = new Grid("part", "source", ">rows", ">bad rows", ">empty texts", ">duplicates", ">also in train");
        foreach (var part in parts)
        {
            grid.Row(
                part.Name, part.Data.Source, Figures.Count(part.Data.Count), Figures.Count(part.Data.SkippedRows),
                Figures.Count(part.Profile.Empty),
                Figures.Count(part.Profile.Duplicates), part.Seen is { } seen ? Figures.Count(seen.Count) : "");
        }
        grid.Write();
        Console.Out.WriteLine();
    }

    private static void Columns(DataPart part)
    {
        var grid = new Grid("column", "type", "read as");
        foreach (var column in part.Data.Columns) grid.Row(column.Name, column.Type, column.Role);
        grid.Write();
        Console.Out.WriteLine();
    }

    private static void Labels(IReadOnlyList<DataPart> parts)
    {
        var classes = parts.Where(part => part.Profile.LabelCounts is not null).ToList();
        if (classes.Count > 0)
        {
            var grid = new Grid(["label", .. classes.SelectMany(part => new[] { $">{part.Name}", ">share" })]);
            string[] names = [.. classes.SelectMany(part => part.Data.LabelNames!).Distinct()];
            foreach (var name in names.Take(Classes)) grid.Row([name, .. classes.SelectMany(part => Count(part, name))]);
            if (classes.Exists(part => part.Profile.Unlabelled is not null))
                grid.Row(["(none)", .. classes.SelectMany(Unlabelled)]);
            grid.Write();
            if (names.Length > Classes) Screen.Say($"… and {names.Length - Classes} more labels");
            Console.Out.WriteLine();
        }
        foreach (var part in parts)
            if (part.Profile.Targets is { } targets)
                Screen.Say(
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"{part.Name}: targets from {targets.Min:0.####} to {targets.Max:0.####}, mean {targets.Mean:0.####}\n"));
    }

    private static string[] Unlabelled(DataPart part) =>
        part.Profile.Unlabelled is { } count ? [Figures.Count(count), Share(count, part.Data.Count)] : ["", ""];

    private static string[] Count(DataPart part, string name)
    {
        var at = Enumerable.Range(0, part.Data.LabelNames!.Count).FirstOrDefault(i => part.Data.LabelNames[i] == name, -1);
        var count = at < 0 ? 0 : part.Profile.LabelCounts![at];
        return [Figures.Count(count), Share(count, part.Data.Count)];
    }

    private static void Prompts(IReadOnlyList<DataPart> parts)
    {
        if (parts.All(part => part.Instruct is null)) return;
        var grid = new Grid(
            "prompts with answers", ">prompts", ">several turns", ">system", ">learnt tokens", $">within {parts[0].MaxLength}",
            ">answers cut");
        foreach (var part in parts)
        {
            if (part.Instruct is not { } found) continue;
            grid.Row(
                part.Name, Figures.Count(found.Prompts), Figures.Count(found.SeveralTurns), Figures.Count(found.WithSystem),
                found.Tokens is { } tokens ? Figures.Count(tokens) : "",
                found.KeptTokens is { } kept ? Share(kept, Math.Max(1, found.Tokens!.Value)) : "",
                found.Cut is { } cut ? Figures.Count(cut) : "");
        }
        grid.Write();
        Console.Out.WriteLine();
    }

    private static void Lengths(IReadOnlyList<DataPart> parts)
    {
        var grid = new Grid(
            [
                "lengths", "unit", ">min", ">mean", .. DataPart.Percentiles.Select(percent => $">{percent:0}%"), ">max",
                $">over {parts[0].MaxLength}", ">share",
            ]);
        foreach (var part in parts)
        {
            foreach (var lengths in part.AllLengths)
            {
                grid.Row([part.Name, lengths.Unit, Figures.Count(lengths.Min), lengths.Mean.ToString("0.0", CultureInfo.InvariantCulture),
                    .. DataPart.Percentiles.Select(percent => Figures.Count(lengths.Percentile(percent))), Figures.Count(lengths.Max),
                    lengths != part.Lengths ? "" : Figures.Count(lengths.Above(part.MaxLength)),
                    lengths != part.Lengths ? "" : Share(lengths.Above(part.MaxLength), part.Data.Count)]);
            }
        }
        grid.Write();
        Console.Out.WriteLine();
    }

    private static void Histogram(DataPart part)
    {
        var bins = part.Lengths.Histogram();
        var most = bins.Max(bin => bin.Rows);
        var grid = new Grid($">{part.Name}: {part.Lengths.Unit}", ">rows", "");
        foreach (var (from, to, rows) in bins)
            grid.Row(
                from == to ? $"{from}" : $"{from}-{to}", Figures.Count(rows),
                new string('#', (int)Math.Ceiling((double)BarWidth * rows / most)));
        grid.Write();
        Console.Out.WriteLine();
    }

    private static void Remarks(DataPart part)
    {
        foreach (var remark in part.Data.Remarks) Screen.Say($"{part.Name}: {remark}");
        foreach (var problem in part.Data.Problems) Screen.Say($"bad row: {problem}");
        if (part.Lengths.Above(part.MaxLength) is var cut and > 0)
        {
            Screen.Say(part.Lengths.Unit == "tokens"
                ? $"{part.Name}: --max-length {part.MaxLength} would cut {Figures.Count(cut)} rows ({Share(cut, part.Data.Count)})."
                : $"{part.Name}: {Figures.Count(cut)} rows have more than {part.MaxLength} words, and no fewer tokens; give --base FOLDER "
                    + "to count tokens.");
        }
        if (part.Instruct is { Lost: > 0 } instruct)
            Screen.Say($"{part.Name}: of {Figures.Count(instruct.Lost.Value)} rows ({Share(instruct.Lost.Value, part.Data.Count)}) nothing "
                + "of the answer would be left: they would teach nothing.");
        if (part.Profile.Contradictions > 0)
            Screen.Say($"{part.Name}: {Figures.Count(part.Profile.Contradictions)} rows say what an earlier row says, with another label.");
        if (part.Seen is { Count: > 0 } seen)
            Screen.Say(
                $"{part.Name}: {Figures.Count(seen.Count)} rows ({Share(seen.Count, part.Data.Count)}) are in the training part too, first "
                + $"{part.Place(seen[0])}: a score on them says little.");
    }

    private static string Share(long count, long all) => ((double)count / all).ToString("0.0%", CultureInfo.InvariantCulture);
}
