namespace PeftSharp.Data;

/// <summary>Rows of text (or of token ids) with their labels, in memory.</summary>
public sealed class TextDataset
{
    /// <summary>Creates a dataset from rows in memory.</summary>
    /// <param name="examples">The rows.</param>
    /// <param name="kind">What their labels are.</param>
    /// <param name="labels">The classes; required for <see cref="LabelKind.Class"/>, null otherwise.</param>
    /// <param name="source">Where the rows come from, for messages.</param>
    public TextDataset(IReadOnlyList<Example> examples, LabelKind kind, LabelMap? labels, string source)
    {
        if (kind == LabelKind.Class != labels is not null)
            throw new ArgumentException("A dataset has a label map if and only if its labels are classes.", nameof(labels));
        Examples = examples;
        Kind = kind;
        Labels = labels;
        Source = source;
    }

    /// <summary>The rows, in file order.</summary>
    public IReadOnlyList<Example> Examples { get; }

    /// <summary>What the labels are.</summary>
    public LabelKind Kind { get; }

    /// <summary>The classes; null unless <see cref="Kind"/> is <see cref="LabelKind.Class"/>.</summary>
    public LabelMap? Labels { get; }

    /// <summary>Names of the classes in order of their index, or null.</summary>
    public IReadOnlyList<string>? LabelNames => Labels?.Names;

    /// <summary>The file that the rows come from.</summary>
    public string Source { get; }

    /// <summary>Number of rows.</summary>
    public int Count => Examples.Count;

    /// <summary>Rows of the file that were left out because they were bad.</summary>
    public int SkippedRows { get; private init; }

    /// <summary>What was wrong with the first ten of them.</summary>
    public IReadOnlyList<string> Problems { get; private init; } = [];

    /// <summary>Reads a dataset file.</summary>
    /// <exception cref="PeftException">The file is missing, empty or of unknown format, lacks a column, or has a bad row and
    /// <see cref="DataOptions.OnBadRow"/> says stop, or no good one. The sentence names file, line and field.</exception>
    public static TextDataset Load(string path, DataOptions? options = null)
    {
        options ??= new DataOptions();
        var bad = new BadRows(path, options.OnBadRow);
        var rows = DataFile.FormatOf(path, options.Format) switch
        {
            DataFormat.Csv => DelimitedReader.Read(path, CsvRows.Read(path, options), options, bad),
            DataFormat.Json => JsonReader.Read(path, JsonRows.Read(path, options), options, bad),
            _ => DelimitedReader.Read(path, TsvRows.Read(path, options), options, bad),
        };
        var (kind, labels, examples) = LabelResolver.Resolve(rows, options, bad);
        if (examples.Count == 0)
        {
            throw new PeftException(bad.Count == 0
                ? $"The dataset file {path} holds no row; add at least one below its header."
                : $"The dataset file {path} holds no usable row: all {bad.Count} are bad, first {bad.Problems[0]}");
        }
        return new TextDataset(examples, kind, labels, path) { SkippedRows = bad.Count, Problems = bad.Problems };
    }

    /// <summary>The rows at the given indices (from 0), in the given order.</summary>
    /// <exception cref="PeftException">An index is outside the dataset.</exception>
    public TextDataset Subset(IEnumerable<int> rows)
    {
        var examples = new List<Example>();
        foreach (var row in rows)
        {
            if (row < 0 || row >= Count)
                throw new PeftException($"Row {row} was asked of {Source}, which has rows 0 to {Count - 1}; correct the list of rows.");
            examples.Add(Examples[row]);
        }
        return new TextDataset(examples, Kind, Labels, Source);
    }

    /// <summary>The first <paramref name="count"/> rows, or all if there are fewer.</summary>
    public TextDataset Take(int count) => Subset(Enumerable.Range(0, Math.Clamp(count, 0, Count)));
}
