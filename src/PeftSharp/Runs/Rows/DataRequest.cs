using System.Globalization;
using PeftSharp.Data;
using PeftSharp.Data.Files;
using PeftSharp.Data.Instruct;
using PeftSharp.Files;

namespace PeftSharp.Runs.Rows;

/// <summary>Which rows of which file are wanted, and how its columns are named.</summary>
/// <param name="Path">A .tsv, .csv, .jsonl (or .gz of these) or .parquet file, a pattern, or a folder with its parts.</param>
public sealed record DataRequest(string Path)
{
    /// <summary>Rows that are in memory already, in place of those of the path.</summary>
    public TextDataset? Given { get; init; }

    /// <summary>Who asks, for messages.</summary>
    public Caller Caller { get; init; } = Caller.Program;

    /// <summary>Column of the text: a name, or a number from 1; null (default) is told from the columns.</summary>
    public string? Text { get; init; }

    /// <summary>Column of the second text; null (default) as above.</summary>
    public string? Pair { get; init; }

    /// <summary>Column of the label; null (default) as above.</summary>
    public string? Label { get; init; }

    /// <summary>Columns of 0 and 1, one for each class, in place of a label.</summary>
    public IReadOnlyList<string> LabelColumns { get; init; } = [];

    /// <summary>What labels are where nobody asks for them and they decide the cut alone; null: told from the values.</summary>
    public LabelKind? CutBy { get; init; }

    /// <summary>The first so many rows.</summary>
    public int? Take { get; init; }

    /// <summary>A file of row numbers, zero-based, the header not counted.</summary>
    public string? Rows { get; init; }

    /// <summary>What labels are; null (default) is told from them.</summary>
    public LabelKind? Kind { get; init; }

    /// <summary>The classes that labels must belong to.</summary>
    public LabelMap? Labels { get; init; }

    /// <summary>The part of a GLUE folder.</summary>
    public GlueSplit Split { get; init; } = GlueSplit.Dev;

    /// <summary>Shares of the training, validation and test parts that the rows are cut into; null for no cut.</summary>
    public IReadOnlyList<double>? Shares { get; init; }

    /// <summary>Seed of the cut, and of a stratified sample.</summary>
    public ulong SplitSeed { get; init; } = 42;

    /// <summary>True gives all parts of a cut the same shares of labels.</summary>
    public bool Stratify { get; init; } = true;

    /// <summary>True draws the rows to take so that labels keep their shares, instead of taking the first.</summary>
    public bool Sample { get; init; }

    /// <summary>Where rows are kept.</summary>
    public DataStorage Storage { get; init; } = new();

    /// <summary>True (default) refuses rows without labels.</summary>
    public bool RequireLabels { get; init; } = true;

    /// <summary>True leaves bad rows out instead of stopping at the first; default false.</summary>
    public bool SkipBadRows { get; init; }

    /// <summary>True takes rows without text; default false.</summary>
    public bool AllowEmptyText { get; init; }

    /// <summary>How the files are laid out, where that is not told from them.</summary>
    public FileLayout Layout { get; init; } = new();

    /// <summary>Columns of training, read where the data has them and no others are named.</summary>
    public UsualColumns Usual { get; init; } = new();

    /// <summary>Columns that stay with the rows.</summary>
    public IReadOnlyList<string> Keep { get; init; } = [];

    /// <summary>True keeps all columns with the rows; default false.</summary>
    public bool KeepAll { get; init; }

    /// <summary>
    /// What a file's labels are where its fields tell: those of instruction data; null else. Whoever names columns has something else in
    /// mind.
    /// </summary>
    public static LabelKind? Recognised(string path)
    {
        if (Directory.Exists(path)) return null;
        var first = FilePattern.Expand(path)[0];
        return File.Exists(first) && DataFile.TryFormat(first) is not null && InstructRows.Recognise(first, new DataOptions())
            ? LabelKind.Tokens
            : null;
    }

    /// <summary>Names of the parts that shares make.</summary>
    public static IReadOnlyList<string> PartNames { get; } = ["train", "validation", "test"];

    /// <summary>True if columns were named.</summary>
    public bool NamesColumns => Text is not null || Pair is not null || Label is not null || LabelColumns.Count > 0;

    // Rows that were read whole to be cut: requests for the other parts share them.
    private readonly Cut _cut = new();

    /// <summary>Reads the rows, and tells the GLUE task that they belong to, if any.</summary>
    public (TextDataset Data, GlueTask? Task) Load()
    {
        if (Given is null && !System.IO.Path.Exists(Path) && !Path.AsSpan().ContainsAny('*', '?'))
            throw new PeftException($"The data {Path} does not exist; give a .tsv, .csv, .jsonl or .parquet file, a pattern, or a folder.");
        if (Sample && Take is null)
            throw new SettingsException(
                $"{Caller.Setting("stratified")} goes with {Caller.Setting("max_train_samples", "N")}: how many rows to draw.");
        var (data, task) = Shares is null ? Read(Split) : Part();
        if (Rows is not null) data = data.RowsNumbered(RowNumbers(Rows));
        if (Take is { } take) data = Sample ? DataPartition.Sample(data, take, SplitSeed) : data.Take(take);
        return (data, task);
    }

    /// <summary>The part that is read, by its name; null where the data has no parts.</summary>
    public string? PartName
    {
        get
        {
            if (Shares is null && !Directory.Exists(Path)) return null;
            return Split switch
            {
                GlueSplit.Train => "train",
                GlueSplit.Dev => "validation",
                GlueSplit.DevMismatched => "validation_mismatched",
                _ => "test",
            };
        }
    }

    /// <summary>True if the data has a part of its own to score on, beside the one to train on.</summary>
    public bool HasHeldOut =>
        Shares is { } shares ? shares.Count > 1 : Given is null && Directory.Exists(Path) && Parts.Contains(GlueSplit.Dev);

    /// <summary>The parts of a folder.</summary>
    public IEnumerable<GlueSplit> Parts =>
        GlueTask.TryRecognise(Path) is null ? DatasetFolder.Open(Path).Parts.Keys : GlueTask.SplitsIn(Path);

    private (TextDataset, GlueTask?) Part()
    {
        var index = Split switch { GlueSplit.Train => 0, GlueSplit.Dev => 1, GlueSplit.Test => 2, _ => int.MaxValue };
        if (index >= Shares!.Count)
            throw new SettingsException(
                $"{Caller.Setting("split_shares", string.Join(',', Shares))} makes {Shares.Count} parts "
                + $"({string.Join(", ", PartNames.Take(Shares.Count))}), and none of the name that is asked for.");
        if (_cut.Path != Path)
        {
            // Labels decide which row goes where, even where nobody asks for them.
            var (whole, task) = (Kind == LabelKind.None ? this with { Kind = CutBy } : this).Read(GlueSplit.Train);
            (_cut.Path, _cut.Parts, _cut.Task) = (Path, DataPartition.Split(whole, Shares, SplitSeed, Stratify), task);
        }
        return (_cut.Parts[index], _cut.Task);
    }

    private (TextDataset, GlueTask?) Read(GlueSplit split) => Given is not null ? (Given, null)
        : Directory.Exists(Path) ? Folder(Path, split) : OfGlue() ?? (TextDataset.Load(Path, Options), null);

    private DataOptions Options => new()
    {
        Text = Text,
        Pair = Pair,
        Label = Label,
        LabelColumns = LabelColumns,
        LabelSeparator = Layout.LabelSeparator,
        Kind = Kind,
        Labels = Kind == LabelKind.None ? null : Labels,
        RequireLabels = RequireLabels,
        OnBadRow = SkipBadRows ? OnBadRow.Skip : OnBadRow.Stop,
        AllowEmptyText = AllowEmptyText || Layout.AllowBlank,
        HasHeader = Layout.Header,
        Separator = Layout.Separator,
        Quoted = Layout.Quoted,
        NoLabel = Layout.NoLabel,
        Usual = Usual,
        Keep = Keep,
        KeepAll = KeepAll,
        Storage = Storage,
    };

    private (TextDataset, GlueTask?) Folder(string folder, GlueSplit split)
    {
        if (GlueTask.TryRecognise(folder) is { } task) return (task.LoadFrom(folder, split, Options), task);
        var data = DatasetFolder.Open(folder).Load(split, Options);
        // GLUE in another format: its metrics go by the folder's name, if the labels are GLUE's too.
        var named =
            GlueTask.Find(System.IO.Path.GetFileName(System.IO.Path.TrimEndingDirectorySeparator(System.IO.Path.GetFullPath(folder))));
        return (
            data,
            named is not null && named.Kind == data.Kind && (named.Labels is null || named.Labels.Names.SequenceEqual(data.LabelNames!))
                ? named
                : null);
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
        if (new FileInfo(file).Length == 0)
            throw new PeftException($"{file} is empty or no regular file; expected one zero-based row number a line.");
        var line = 0;
        using var reader = new StreamReader(RegularFile.Open(file));
        while (reader.ReadLine() is { } text)
        {
            line++;
            if (string.IsNullOrWhiteSpace(text)) continue;
            yield return int.TryParse(text, NumberStyles.Integer, CultureInfo.InvariantCulture, out var row)
                ? row
                : throw new PeftException(
                    $"{file}, line {line}: \"{(text.Length > 40 ? text[..40] + "…" : text)}\" is no row number; expected one zero-based "
                    + "number a line.");
        }
    }

    private sealed class Cut
    {
        public string? Path;
        public IReadOnlyList<TextDataset> Parts = [];
        public GlueTask? Task;
    }
}
