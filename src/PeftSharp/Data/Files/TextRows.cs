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
