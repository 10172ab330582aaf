using PeftSharp.Data.Files;
using PeftSharp.Data.Instruct;
using PeftSharp.Data.Storage;

namespace PeftSharp.Data;

/// <summary>
/// Rows of text (or of token ids) with their labels: in memory, or in a file where they are many (<see cref="DataStorage"/>).
/// </summary>
/// <remarks>Disposing a dataset lets go of the file, if it has one, once the subsets that were made of it are disposed too.</remarks>
public sealed class TextDataset : IDisposable
{
    private readonly IReadOnlyList<Example> _examples;
    private RowStore? _rows;
    private bool _disposed;

    /// <summary>Creates a dataset from rows in memory.</summary>
    /// <param name="examples">The rows.</param>
    /// <param name="kind">What their labels are.</param>
    /// <param name="labels">
    /// The classes; required for <see cref="LabelKind.Class"/> and <see cref="LabelKind.MultiLabel"/>, null otherwise.
    /// </param>
    /// <param name="source">Where the rows come from, for messages.</param>
    public TextDataset(IReadOnlyList<Example> examples, LabelKind kind, LabelMap? labels, string source)
    {
        if ((kind is LabelKind.Class or LabelKind.MultiLabel) != labels is not null)
            throw new ArgumentException("A dataset has a label map if and only if its labels are classes.", nameof(labels));
        _examples = examples;
        Kind = kind;
        Labels = labels;
        Source = source;
    }

    /// <summary>The rows, in file order.</summary>
    /// <exception cref="ObjectDisposedException">The dataset was disposed.</exception>
    public IReadOnlyList<Example> Examples
    {
        get
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            return _examples;
        }
    }

    /// <summary>What the labels are.</summary>
    public LabelKind Kind { get; }

    /// <summary>
    /// The classes; null unless <see cref="Kind"/> is <see cref="LabelKind.Class"/> or <see cref="LabelKind.MultiLabel"/>.
    /// </summary>
    public LabelMap? Labels { get; }

    /// <summary>Names of the classes in order of their index, or null.</summary>
    public IReadOnlyList<string>? LabelNames => Labels?.Names;

    /// <summary>The file, pattern or folder that the rows come from.</summary>
    public string Source { get; }

    /// <summary>Number of rows.</summary>
    public int Count => _examples.Count;

    /// <summary>True if the rows lie in a file, so that each is read when it is asked for.</summary>
    public bool OnDisk => (_examples is RelabelledExamples relabelled ? relabelled.All : _examples) is StoredExamples or ChosenExamples;

    /// <summary>Rows of the file that were left out because they were bad.</summary>
    public int SkippedRows { get; private init; }

    /// <summary>What was wrong with the first ten of them.</summary>
    public IReadOnlyList<string> Problems { get; private init; } = [];

    /// <summary>What was taken for granted in reading the files, and what is odd about the labels: a sentence each.</summary>
    public IReadOnlyList<string> Remarks { get; private init; } = [];

    /// <summary>Names of the columns that were kept with the rows (<see cref="Example.Kept"/>).</summary>
    public IReadOnlyList<string> KeptColumns { get; private init; } = [];

    /// <summary>True if rows with a blank text are taken; by default <see cref="TokenizedDataset.Create"/> refuses them.</summary>
    public bool AllowEmptyText { get; init; }

    /// <summary>The files that the rows were read from, in their order; empty for rows that come from none.</summary>
    public IReadOnlyList<string> Files => [.. FileRows.Keys];

    // Rows of each file, bad ones included, in the files' order.
    private IReadOnlyDictionary<string, int> FileRows { get; init; } = new Dictionary<string, int>();

    /// <summary>The columns of the files; empty for rows made in memory.</summary>
    public IReadOnlyList<DatasetColumn> Columns { get; private init; } = [];

    /// <summary>Where the rows are kept, and the tokens made of them.</summary>
    public DataStorage Storage { get; init; } = new();

    /// <summary>Reads a dataset file, or the files of a pattern such as <c>data/*.jsonl.gz</c>.</summary>
    /// <exception cref="PeftException">A file is missing, empty, damaged or of unknown format, lacks a column, or has a bad row and
    /// <see cref="DataOptions.OnBadRow"/> says stop, or there is no good one. The sentence names file, line and field.</exception>
    public static TextDataset Load(string path, DataOptions? options = null) => Load(FilePattern.Expand(path), path, options);

    /// <summary>Reads several files as one dataset.</summary>
    /// <param name="files">The files, in the order of their rows. All have the same columns.</param>
    /// <param name="source">What the dataset is called in messages.</param>
    /// <param name="options">How to read them.</param>
    /// <exception cref="PeftException">As above, or a file has other columns than the first.</exception>
    public static TextDataset Load(IReadOnlyList<string> files, string source, DataOptions? options = null)
    {
        options ??= new DataOptions();
        var (bad, shared) = (new BadRows(options.OnBadRow), new SharedColumns());
        var instructs = options.Kind == LabelKind.Tokens;
        return Made(
            files.SelectMany(
                file => instructs ? InstructRows.Read(file, options, bad, shared) : Data.Files.FileRows.Read(file, options, bad, shared)),
            source, options, bad, shared);
    }

    /// <summary>Makes a dataset of texts, by the rules that files are read by.</summary>
    /// <param name="texts">The texts.</param>
    /// <param name="source">What they are called in messages.</param>
    /// <param name="options">Whether blank texts are taken, and what to do about them else.</param>
    /// <exception cref="PeftException">A text is blank and <see cref="DataOptions.OnBadRow"/> says stop, or there is no good
    /// one.</exception>
    public static TextDataset FromTexts(IEnumerable<string> texts, string source, DataOptions? options = null)
    {
        options ??= new DataOptions();
        var (bad, shared) = (new BadRows(options.OnBadRow), new SharedColumns());
        return Made(TextRows.Of(texts, source, options, bad), source, options with { Kind = LabelKind.None }, bad, shared);
    }

    /// <summary>Reads texts, one a line, by the rules that files are read by: UTF-8 with or without a byte order mark.</summary>
    /// <param name="stream">The lines, such as those of standard input; read once.</param>
    /// <param name="source">What they are called in messages.</param>
    /// <param name="options">Whether blank texts are taken, and what to do about bad lines else.</param>
    /// <exception cref="PeftException">A line is blank or no text and <see cref="DataOptions.OnBadRow"/> says stop, or there is no good
    /// one.</exception>
    public static TextDataset FromLines(Stream stream, string source, DataOptions? options = null)
    {
        options ??= new DataOptions();
        var (bad, shared) = (new BadRows(options.OnBadRow), new SharedColumns());
        return Made(TextRows.Of(stream, source, options, bad), source, options with { Kind = LabelKind.None }, bad, shared);
    }

    /// <summary>
    /// Makes a dataset of labelled texts, by the rules that files are read by: classes are found and ordered as they would be in a file.
    /// </summary>
    /// <param name="rows">The rows; all pairs, or all single texts.</param>
    /// <param name="source">What they are called in messages.</param>
    /// <param name="options">What the labels are, and what to do about bad rows.</param>
    /// <exception cref="PeftException">A row is blank or has no label and <see cref="DataOptions.OnBadRow"/> says stop, or there is no good
    /// one.</exception>
    public static TextDataset FromRows(IEnumerable<LabelledText> rows, string source, DataOptions? options = null)
    {
        options ??= new DataOptions();
        var (bad, shared) = (new BadRows(options.OnBadRow), new SharedColumns());
        return Made(TextRows.Of(rows, source, options, bad, shared), source, options, bad, shared);
    }

    private static TextDataset Made(IEnumerable<RawExample> found, string source, DataOptions options, BadRows bad, SharedColumns shared)
    {
        var rows = RowStore.Of(Labelled(found, options, bad), options.Storage);
        var (kind, labels, examples) = LabelResolver.Resolve(rows, options, shared.ClassNames, bad, shared);
        if (examples.Count == 0)
        {
            throw new PeftException(bad.Count == 0
                ? $"{source} holds no row; add at least one (below the header, where there is one)."
                : $"{source} holds no usable row: all {bad.Count} are bad, first {bad.Problems[0]}");
        }
        return new TextDataset(examples, kind, labels, source)
        {
            SkippedRows = bad.Count,
            Problems = bad.Problems,
            Remarks = [.. shared.Remarks],
            KeptColumns = shared.Kept,
            FileRows = shared.FileRows,
            AllowEmptyText = options.AllowEmptyText,
            Storage = options.Storage,
            Columns = shared.Columns,
            _rows = rows.OnDisk ? rows : null, // rows in memory live in the examples that were made of them
        };
    }

    // Rows whose label says that they have none are left out, as their user asked.
    private static IEnumerable<RawExample> Labelled(IEnumerable<RawExample> rows, DataOptions options, BadRows bad)
    {
        foreach (var row in rows)
        {
            if (row.Label is { } label && options.NoLabel.Contains(label))
                bad.LeaveOut(row.File, row.Line, $"the label {BadRows.Quote(label)} stands for none (--no-label)");
            else yield return row;
        }
    }

    /// <summary>The rows at the given indices (from 0), in the given order.</summary>
    /// <exception cref="PeftException">An index is outside the dataset.</exception>
    public TextDataset Subset(IEnumerable<int> rows)
    {
        int[] chosen = [.. rows];
        foreach (var row in chosen)
        {
            if (row < 0 || row >= Count)
                throw new PeftException($"Row {row} was asked of {Source}, which has rows 0 to {Count - 1}; correct the list of rows.");
        }
        IReadOnlyList<Example> examples = OnDisk ? new ChosenExamples(Examples, chosen) : [.. chosen.Select(row => Examples[row])];
        return Of(examples, Labels);
    }

    /// <summary>The rows that have the given numbers in the source: numbers count from 0 over all its files, bad rows included.</summary>
    /// <param name="numbers">The numbers, in the order that the rows are to have. Those of rows that were left out as bad are passed
    /// over.</param>
    /// <exception cref="PeftException">A number is beyond the source's rows, or its row is not in this part of them, or no row is
    /// left.</exception>
    public TextDataset RowsNumbered(IEnumerable<int> numbers)
    {
        var (starts, total) = (new Dictionary<string, int>(), 0);
        foreach (var (file, count) in FileRows)
        {
            starts[file] = total;
            total += count;
        }
        if (total == 0) return Subset(numbers);
        var places = new Dictionary<int, int>(Count);
        for (var i = 0; i < Count; i++)
        {
            var example = Examples[i];
            places[starts[example.File!] + example.Row] = i;
        }
        var chosen = new List<int>();
        foreach (var number in numbers)
        {
            if (places.TryGetValue(number, out var place)) chosen.Add(place);
            else if (number < 0 || number >= total)
                throw new PeftException($"Row {number} was asked of {Source}, which has rows 0 to {total - 1}; correct the list of rows.");
            else if (SkippedRows == 0)
                throw new PeftException(
                    $"Row {number} was asked of {Source}, but it belongs to another part of the data; correct the list of rows.");
        }
        if (chosen.Count == 0)
            throw new PeftException($"{Source}: none of the rows that were asked for is left; correct the list of rows.");
        return Subset(chosen);
    }

    /// <summary>
    /// The same rows with their classes numbered as <paramref name="labels"/> numbers them, for a model whose head has that order.
    /// </summary>
    /// <param name="labels">The classes: as many as there are, each under its present name; or under others, in the present order.</param>
    /// <exception cref="PeftException">The dataset has no classes, or other ones.</exception>
    public TextDataset WithLabels(LabelMap labels)
    {
        if (Labels is null || Labels.Count != labels.Count)
            throw new PeftException(
                $"{Source} has {(Labels is null ? "no" : Labels.Count)} classes, but {labels.Count} are named "
                + $"({string.Join(", ", labels.Names.Take(10))}); name those of the data.");
        var places = Labels.Names.Select(labels.IndexOf).ToArray();
        if (places.Contains(-1)) places = [.. Enumerable.Range(0, labels.Count)];
        if (places.Distinct().Count() != places.Length)
            throw new PeftException(
                $"{Source}: two of its classes ({string.Join(", ", Labels.Names.Take(10))}) have the same place among "
                + $"{string.Join(", ", labels.Names.Take(10))}; name each class once.");
        return Of(new RelabelledExamples(Examples, places), labels);
    }

    /// <summary>The rows with their classes numbered as a map that has all of them does; it may have more.</summary>
    /// <exception cref="PeftException">It lacks one.</exception>
    internal TextDataset Among(LabelMap labels)
    {
        if (Labels is null || Labels.Count == labels.Count) return WithLabels(labels);
        if (Labels.Names.FirstOrDefault(name => labels.IndexOf(name) < 0) is { } stray)
            throw new PeftException($"{Source}: the label \"{stray}\" is none of {string.Join(", ", labels.Names.Take(10))}; correct it.");
        return Of(new RelabelledExamples(Examples, [.. Labels.Names.Select(labels.IndexOf)]), labels);
    }

    // Other rows of the same source.
    private TextDataset Of(IReadOnlyList<Example> examples, LabelMap? labels) => new(examples, Kind, labels, Source)
    {
        SkippedRows = SkippedRows,
        Problems = Problems,
        Remarks = Remarks,
        KeptColumns = KeptColumns,
        FileRows = FileRows,
        AllowEmptyText = AllowEmptyText,
        Storage = Storage,
        Columns = Columns,
        _rows = _rows?.Share(),
    };

    /// <summary>The first <paramref name="count"/> rows, or all if there are fewer.</summary>
    public TextDataset Take(int count) => Subset(Enumerable.Range(0, Math.Clamp(count, 0, Count)));

    /// <summary>Lets go of the rows; nothing can be read any more.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, true)) return;
        _rows?.Dispose();
    }
}
