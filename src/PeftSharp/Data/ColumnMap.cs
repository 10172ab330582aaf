using System.Globalization;

namespace PeftSharp.Data;

/// <summary>Which columns of a file hold the text, the pair and the label.</summary>
/// <param name="Text">Index of the column, from 0.</param>
/// <param name="Pair">Index of the column, or -1.</param>
/// <param name="Label">Index of the column, or -1.</param>
internal readonly record struct ColumnMap(int Text, int Pair, int Label)
{
    private static readonly (string Text, string? Pair)[] KnownTexts =
    [
        ("sentence1", "sentence2"), ("premise", "hypothesis"), ("question1", "question2"), ("#1 String", "#2 String"),
        ("text1", "text2"), ("text_a", "text_b"), ("text", "text_pair"), ("question", "sentence"), ("question", "passage"),
        ("question", "context"), ("sentence", null), ("text", null), ("document", null), ("review", null), ("content", null),
        ("comment", null), ("tweet", null), ("utterance", null), ("query", null), ("question", null),
    ];

    private static readonly string[] KnownLabels =
        ["label", "labels", "gold_label", "is_duplicate", "Quality", "score", "target", "class", "category", "sentiment", "similarity"];

    /// <summary>Finds the columns among those named by the header, or numbered from 1 where there is none.</summary>
    public static ColumnMap Resolve(string path, IReadOnlyList<string> columns, bool hasHeader, DataOptions options)
    {
        int Named(string? option, string value) => Find(path, columns, hasHeader, option, value);

        var (text, pair) = options.Text is { } name
            ? (Named("text", name), -1)
            : hasHeader ? Recognise(columns) : (-1, -1);
        if (text < 0)
        {
            throw new PeftException(
                $"{path}, line 1: no text column was recognised among {List(columns)}; "
                + "name it with the option 'text', or give column numbers (from 1) if the file has no header.");
        }
        if (options.Pair is { } second) pair = Named("pair", second);
        return new ColumnMap(text, pair, ResolveLabel(path, columns, hasHeader, options));
    }

    /// <summary>The label column alone: files of token ids have no text.</summary>
    public static int ResolveLabel(string path, IReadOnlyList<string> columns, bool hasHeader, DataOptions options)
    {
        if (options.Kind == LabelKind.None) return -1;
        if (options.Label is { } name) return Find(path, columns, hasHeader, "label", name);
        var label = hasHeader ? KnownLabels.Select(known => IndexOf(columns, known)).FirstOrDefault(i => i >= 0, -1) : -1;
        if (label < 0 && options.RequireLabels)
            throw new PeftException($"{path}, line 1: no label column was recognised among {List(columns)}; name it with the option 'label'.");
        return label;
    }

    private static (int Text, int Pair) Recognise(IReadOnlyList<string> columns)
    {
        foreach (var (text, pair) in KnownTexts)
        {
            var (first, second) = (IndexOf(columns, text), pair is null ? -1 : IndexOf(columns, pair));
            if (first >= 0 && (pair is null || second >= 0)) return (first, second);
        }
        return (-1, -1);
    }

    private static int Find(string path, IReadOnlyList<string> columns, bool hasHeader, string? option, string name)
    {
        var index = hasHeader ? IndexOf(columns, name) : -1;
        if (index < 0 && int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= 1 && number <= columns.Count)
            index = number - 1;
        if (index >= 0) return index;
        throw new PeftException(hasHeader
            ? $"{path}, line 1: there is no column '{name}' among {List(columns)}; set the option '{option}' to one of them."
            : $"{path}, line 1: there is no column '{name}' in a file without a header and with {columns.Count} columns; "
              + $"set the option '{option}' to a number from 1 to {columns.Count}.");
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
