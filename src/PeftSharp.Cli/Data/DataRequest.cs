using System.Globalization;
using PeftSharp.Data;

namespace PeftSharp.Cli.Data;

/// <summary>Which rows of which file are wanted, and how its columns are named.</summary>
internal sealed record DataRequest(string Path)
{
    public string? Text { get; init; }

    public string? Pair { get; init; }

    public string? Label { get; init; }

    /// <summary>The first so many rows.</summary>
    public int? Take { get; init; }

    /// <summary>A file of row numbers, zero-based, the header not counted.</summary>
    public string? Rows { get; init; }

    public LabelKind? Kind { get; init; }

    /// <summary>The classes that labels must belong to.</summary>
    public LabelMap? Labels { get; init; }

    /// <summary>The part of a GLUE folder.</summary>
    public GlueSplit Split { get; init; } = GlueSplit.Dev;

    public bool RequireLabels { get; init; } = true;

    public bool SkipBadRows { get; init; }

    private bool NamesColumns => Text is not null || Pair is not null || Label is not null;

    /// <summary>Reads the rows, and tells the GLUE task that they belong to, if any.</summary>
    public (TextDataset Data, GlueTask? Task) Load()
    {
        if (!File.Exists(Path) && !Directory.Exists(Path))
            throw new PeftException($"The data {Path} does not exist; give a .tsv, .csv or .jsonl file, or a GLUE folder.");
        var (data, task) = Directory.Exists(Path) ? Folder(Path, Split) : OfGlue() ?? (TextDataset.Load(Path, Options), null);
        if (Rows is not null) data = data.Subset(RowNumbers(Rows));
        if (Take is { } take) data = data.Take(take);
        return (data, task);
    }

    private DataOptions Options => new()
    {
        Text = Text,
        Pair = Pair,
        Label = Label,
        Kind = Kind,
        Labels = Kind == LabelKind.None ? null : Labels,
        RequireLabels = RequireLabels,
        OnBadRow = SkipBadRows ? OnBadRow.Skip : OnBadRow.Stop,
    };

    private (TextDataset, GlueTask?) Folder(string folder, GlueSplit split)
    {
        var task = GlueTask.TryRecognise(folder) ?? throw new PeftException(
            $"{folder} is no GLUE folder; name it after its task ({string.Join(", ", GlueTask.All.Select(t => t.Name))}), or give a dataset file and its columns.");
        return (task.LoadFrom(folder, split, Options), task);
    }

    // A file of a GLUE folder has the layout of its task: CoLA's files have no header.
    private (TextDataset, GlueTask?)? OfGlue()
    {
        var folder = System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(Path))!;
        if (NamesColumns || GlueTask.Find(System.IO.Path.GetFileName(folder)) is not { } task) return null;
        foreach (var split in GlueTask.SplitsIn(folder))
        {
            if (!System.IO.Path.GetFileName(Path).StartsWith(split.ToString()[..3], StringComparison.OrdinalIgnoreCase)) continue;
            var data = task.LoadFrom(folder, split, Options);
            if (System.IO.Path.GetFullPath(data.Source) == System.IO.Path.GetFullPath(Path)) return (data, task);
        }
        return null;
    }

    private static IEnumerable<int> RowNumbers(string file)
    {
        if (!File.Exists(file)) throw new PeftException($"The file of row numbers {file} does not exist; check its path.");
        var line = 0;
        foreach (var text in File.ReadLines(file))
        {
            line++;
            if (string.IsNullOrWhiteSpace(text)) continue;
            yield return int.TryParse(text, NumberStyles.Integer, CultureInfo.InvariantCulture, out var row)
                ? row
                : throw new PeftException($"{file}, line {line}: \"{(text.Length > 40 ? text[..40] + "…" : text)}\" is no row number; expected one zero-based number a line.");
        }
    }
}
