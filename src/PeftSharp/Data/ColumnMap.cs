using System.Globalization;
using PeftSharp.Data.Files;

namespace PeftSharp.Data;

/// <summary>Which columns of a file hold the text, the pair and the label.</summary>
/// <param name="Text">Index of the column, from 0.</param>
/// <param name="Pair">Index of the column, or -1.</param>
/// <param name="Label">Index of the column, or -1.</param>
internal readonly record struct ColumnMap(int Text, int Pair, int Label)
{
    /// <summary>Indices of columns of 0 and 1, one for each class, in place of a label; empty for none.</summary>
    public int[] Flags { get; init; } = [];

    private static readonly (string Text, string? Pair)[] KnownTexts =
    [
        ("sentence1", "sentence2"), ("premise", "hypothesis"), ("question1", "question2"), ("#1 String", "#2 String"),
        ("text1", "text2"), ("text_a", "text_b"), ("text", "text_pair"), ("question", "sentence"), ("question", "passage"),
        ("question", "context"), ("sentence", null), ("text", null), ("document", null), ("review", null), ("content", null),
        ("comment", null), ("tweet", null), ("utterance", null), ("query", null), ("question", null),
    ];

    private static readonly (string Text, string? Pair)[] KnownPrompts =
    [
        ("prompt", "completion"), ("instruction", "output"), ("instruction", "response"), ("question", "answer"), ("prompt", "response"),
        ("source", "target"),
        ("input", "output"), ("mr", "ref"), ("text", null),
    ];

    private static readonly string[] KnownLabels =
        ["label", "labels", "gold_label", "is_duplicate", "Quality", "score", "target", "class", "category", "sentiment", "similarity"];

    /// <summary>Finds the columns among those named by the header, or numbered from 1 where there is none.</summary>
    public static ColumnMap Resolve(string path, IReadOnlyList<string> columns, bool hasHeader, DataOptions options)
    {
        int Named(string option, string value) => Find(path, columns, hasHeader, option, value);

        var (text, pair) = (-1, -1);
        if (options.Text is { } name) text = Named("--text-column", name);
        else if (hasHeader)
            (text, pair) = UsualTexts(columns, options.Usual)
                ?? Recognise(columns, options.Kind == LabelKind.Tokens ? KnownPrompts : KnownTexts);
        if (text < 0)
        {
            throw new PeftException(
                $"{path}, line 1: no text column was recognised among {List(columns)}; "
                + $"{(DelimitedLayout.Hint(columns) is { } hint ? hint + ", or " : "")}"
                + "name it with the option 'text' (--text-column), or give column numbers (from 1) if the file has no header.");
        }
        if (options.Text is null)
        {
            CheckOne(path, columns, text, "--text-column");
            if (pair >= 0) CheckOne(path, columns, pair, "--pair-column");
        }
        if (options.Pair is { } second) pair = Named("--pair-column", second);
        return OfLabels(path, columns, hasHeader, options) with { Text = text, Pair = pair };
    }

    /// <summary>The columns of labels alone: files of token ids have no text.</summary>
    public static ColumnMap OfLabels(string path, IReadOnlyList<string> columns, bool hasHeader, DataOptions options)
    {
        var flags = ResolveFlags(path, columns, hasHeader, options);
        return flags.Length > 0 ? new(-1, -1, -1) { Flags = flags } : new(-1, -1, ResolveLabel(path, columns, hasHeader, options));
    }

    private static int[] ResolveFlags(string path, IReadOnlyList<string> columns, bool hasHeader, DataOptions options)
    {
        if (options.Kind is LabelKind.None or LabelKind.Tokens) return [];
        var names = options.LabelColumns;
        if (
            names.Count == 0 && hasHeader
            && options is { Label: null, Kind: LabelKind.MultiLabel, Usual: { Label: null, Flags: var usual } }
            && usual.All(name => IndexOf(columns, name) >= 0))
            names = usual;
        if (names.Count == 0) return [];
        if (options.Kind is LabelKind.Class or LabelKind.Regression)
            throw new PeftException(
                $"{path}: several columns of labels (--label-columns) say that any number of classes may hold at once, but labels are to "
                + $"be read as {(options.Kind == LabelKind.Class ? "one class a row" : "numbers")}; leave one of the two out.");
        if (options.Label is not null)
            throw new PeftException(
                $"{path}: a label column and several columns of labels are both named; name the one (--label-column) or the others "
                + "(--label-columns).");
        if (!hasHeader)
            throw new PeftException(
                $"{path}, line 1: columns of labels name the classes, and the file is read without a header; add one, or say "
                + "--header yes.");
        int[] found = [.. names.Select(name => Find(path, columns, hasHeader, "--label-columns", name))];
        if (found.Distinct().Count() != found.Length)
            throw new PeftException($"{path}, line 1: a column of labels is named twice (--label-columns); name each once.");
        return found;
    }

    private static int ResolveLabel(string path, IReadOnlyList<string> columns, bool hasHeader, DataOptions options)
    {
        if (options.Kind is LabelKind.None or LabelKind.Tokens) return -1;
        if (options.Label is { } name) return Find(path, columns, hasHeader, "--label-column", name);
        if (hasHeader && options.Usual.Label is { } usual && IndexOf(columns, usual) is var trained and >= 0) return trained;
        var label = hasHeader ? KnownLabels.Select(known => IndexOf(columns, known)).FirstOrDefault(i => i >= 0, -1) : -1;
        if (label >= 0) CheckOne(path, columns, label, "--label-column");
        if (label < 0 && options.RequireLabels)
            throw new PeftException(
                $"{path}, line 1: no label column was recognised among {List(columns)}; name it with the option 'label' (--label-column).");
        return label;
    }

    // Those of training, if all are there.
    private static (int Text, int Pair)? UsualTexts(IReadOnlyList<string> columns, UsualColumns usual)
    {
        if (usual.Text is null || IndexOf(columns, usual.Text) is not (>= 0 and var text)) return null;
        var pair = usual.Pair is null ? -1 : IndexOf(columns, usual.Pair);
        return usual.Pair is null || pair >= 0 ? (text, pair) : null;
    }

    private static (int Text, int Pair) Recognise(IReadOnlyList<string> columns, (string Text, string? Pair)[] known)
    {
        foreach (var (text, pair) in known)
        {
            var (first, second) = (IndexOf(columns, text), pair is null ? -1 : IndexOf(columns, pair));
            if (first >= 0 && (pair is null || second >= 0)) return (first, second);
        }
        return (-1, -1);
    }

    // By its name in C# and on the command line.
    private static string Said(string option) => $"the option '{option.TrimStart('-').Split('-')[0]}' ({option})";

    private static void CheckOne(string path, IReadOnlyList<string> columns, int index, string option)
    {
        var count = columns.Count(column => column.Trim().Equals(columns[index].Trim(), StringComparison.OrdinalIgnoreCase));
        if (count == 1) return;
        throw new PeftException(
            $"{path}, line 1: {count} columns are called {BadRows.Quote(columns[index])}; give the number of the one that is meant "
            + $"({option} N, from 1) and say --header yes.");
    }

    /// <summary>True for a name that columns of texts or labels usually have.</summary>
    public static bool IsKnown(string name) =>
        KnownTexts.SelectMany(known => new[] { known.Text, known.Pair })
            .OfType<string>()
            .Concat(KnownLabels)
            .Contains(name.Trim(), StringComparer.OrdinalIgnoreCase);

    /// <summary>The index of the column that an option names or numbers.</summary>
    public static int Find(string path, IReadOnlyList<string> columns, bool hasHeader, string option, string name)
    {
        var index = hasHeader ? IndexOf(columns, name) : -1;
        if (index >= 0) CheckOne(path, columns, index, option);
        if (
            index < 0 && int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= 1
                && number <= columns.Count)
            index = number - 1;
        if (index >= 0) return index;
        throw new PeftException(hasHeader
            ? $"{path}, line 1: there is no column '{name}' among {List(columns)}; set {Said(option)} to one of them."
            : $"{path}, line 1: there is no column '{name}' in a file without a header and with {columns.Count} columns; "
              + $"set {Said(option)} to a number from 1 to "
              + $"{columns.Count}{(DelimitedLayout.Hint(columns) is { } hint ? $"; {hint}" : "")}.");
    }

    private static int IndexOf(IReadOnlyList<string> columns, string name)
    {
        for (var i = 0; i < columns.Count; i++)
        {
            if (columns[i].Trim().Equals(name, StringComparison.OrdinalIgnoreCase)) return i;
        }
        return -1;
    }

    private static string List(IReadOnlyList<string> columns) =>
        "the columns " + string.Join(", ", columns.Take(20).Select(BadRows.Quote)) + (columns.Count > 20 ? ", …" : "");
}
