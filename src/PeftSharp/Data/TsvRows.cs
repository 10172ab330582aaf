namespace PeftSharp.Data;

/// <summary>
/// Rows of a tab-separated file (or of one with another separator): a quote is a character like any other, and a line is a row.
/// </summary>
internal static class TsvRows
{
    public static IEnumerable<DelimitedRow> Read(string path, DataOptions options, char separator = '\t')
    {
        // Blank lines are no rows at the end of a file, and bad rows before it.
        var blank = new List<int>();
        foreach (var line in LineReader.Read(path, options))
        {
            if (line.Text is { Length: 0 })
            {
                blank.Add(line.Number);
                continue;
            }
            foreach (var number in blank)
                yield return new DelimitedRow(number, [], "the line is blank; remove it or skip bad rows (--skip-bad-rows)");
            blank.Clear();
            yield return line.Text is { } text
                ? new DelimitedRow(line.Number, text.Split(separator), null)
                : new DelimitedRow(line.Number, [], line.Problem);
        }
    }
}
