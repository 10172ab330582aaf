namespace PeftSharp.Data.Files;

/// <summary>Rows that are texts and nothing else: lines of a stream, or texts at hand.</summary>
internal static class TextRows
{
    public static IEnumerable<RawExample> Of(IEnumerable<string> texts, string source, DataOptions options, BadRows bad)
    {
        var row = -1;
        foreach (var text in texts)
        {
            row++;
            if (!options.AllowEmptyText && string.IsNullOrWhiteSpace(text)) bad.Report(source, row + 1, DelimitedReader.Blank(null));
            else yield return new RawExample(source, row + 1, text, null, null) { Row = row };
        }
    }

    public static IEnumerable<RawExample> Of(
        IEnumerable<LabelledText> rows, string source, DataOptions options, BadRows bad, SharedColumns shared)
    {
        var number = -1;
        bool? pairs = null;
        foreach (var row in rows)
        {
            number++;
            if (Problem(row, options, shared, ref pairs) is { } problem) bad.Report(source, number + 1, problem);
            else
            {
                var label = row.Labels is { } labels ? LabelList.Write(labels) : row.Label;
                yield return new RawExample(source, number + 1, row.Text, row.Pair, label) { Row = number };
            }
        }
    }

    private static string? Problem(LabelledText? row, DataOptions options, SharedColumns shared, ref bool? pairs)
    {
        if (row?.Text is null) return "there is no text; give one";
        if (!options.AllowEmptyText && (string.IsNullOrWhiteSpace(row.Text) || row.Pair is { } pair && string.IsNullOrWhiteSpace(pair)))
            return DelimitedReader.Blank(null);
        if (row.Labels is null && options.Kind != LabelKind.MultiLabel && string.IsNullOrWhiteSpace(row.Label))
            return "there is no label; give one, or leave the row out";
        if (row.Labels?.Any(string.IsNullOrWhiteSpace) == true) return "one of its labels is blank; leave it out";
        if (
            IsBroken(row.Text) || IsBroken(row.Label) || row.Pair is { } second && IsBroken(second)
                || row.Labels?.Any(IsBroken) == true)
            return "the text holds half of a surrogate pair; do not cut texts within a letter";
        shared.Lists ??= row.Labels is not null;
        if (shared.Lists != row.Labels is not null && options.Kind != LabelKind.MultiLabel)
            return "a list of labels stands beside single labels; give lists to all rows";
        pairs ??= row.Pair is not null;
        return pairs == row.Pair is not null ? null : "a single text stands among pairs; give pairs, or single texts";
    }

    private static bool IsBroken(string text)
    {
        for (var i = 0; i < text.Length; i++)
        {
            if (!char.IsSurrogate(text[i])) continue;
            if (!char.IsSurrogatePair(text, i)) return true;
            i++;
        }
        return false;
    }

    public static IEnumerable<RawExample> Of(Stream stream, string source, DataOptions options, BadRows bad)
    {
        // Blank lines are no rows at the end, and blank texts before it.
        var blank = 0;
        foreach (var line in LineReader.Read(stream, source, options))
        {
            if (line.Text is { } text && string.IsNullOrWhiteSpace(text))
            {
                blank++;
                continue;
            }
            for (; blank > 0; blank--)
            {
                var number = line.Number - blank;
                if (options.AllowEmptyText) yield return Row(number, "");
                else bad.Report(source, number, DelimitedReader.Blank(null));
            }
            if (line.Text is null) bad.Report(source, line.Number, line.Problem!);
            else yield return Row(line.Number, line.Text);
        }

        RawExample Row(int number, string text) => new(source, number, text, null, null) { Row = number - 1 };
    }
}
