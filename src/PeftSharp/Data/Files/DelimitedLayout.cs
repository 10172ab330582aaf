using System.Text;

namespace PeftSharp.Data.Files;

/// <summary>
/// What separates the fields of a text file, and whether quotes enclose them: as it was asked for, or as the first lines show.
/// </summary>
internal static class DelimitedLayout
{
    private const int LookedAt = 1 << 16, Records = 30;
    private const string Others = ";\t|";

    /// <summary>The rows of a file; what was told from its lines is remarked.</summary>
    public static IEnumerable<DelimitedRow> Rows(string path, DataFormat format, DataOptions options, SharedColumns shared)
    {
        if (options.Separator is { } asked && (asked is '"' or '\r' or '\n' || !char.IsAscii(asked)))
            throw new PeftException(
                $"The separator {BadRows.Quote(asked.ToString())} cannot separate columns; give one ASCII character that is no quote and "
                + "no line end.");
        var start = format == DataFormat.Csv && options.Separator is null || options.Quoted is null ? Start(path, options) : "";
        var hinted = format == DataFormat.Csv && options.Separator is null && start.StartsWith("sep=", StringComparison.OrdinalIgnoreCase);
        var separator = options.Separator ?? (format == DataFormat.Csv ? SeparatorOf(start) : '\t');
        if (format == DataFormat.Csv && options.Separator is null && separator != ',' && !hinted)
            shared.Remark($"{path}: {Name(separator)} separate the columns, as its first lines show (--separator says otherwise).");
        var quoted = options.Quoted ?? (format == DataFormat.Csv || options.Separator is { } given && given != '\t');
        if (options.Quoted is null && !quoted && HeaderIsQuoted(start, separator))
        {
            quoted = true;
            shared.Remark(
                $"{path}: quotes are taken for marks of the file, as they enclose every field of its first line (--quoted no "
                + "says otherwise).");
        }
        else if (options.Quoted is null && !quoted && HasQuotedField(start, separator))
            shared.Remark(
                $"{path}: quotes enclose fields and are doubled inside of them, as programs write them that mean marks of the file; "
                + "they are read as letters (--quoted yes says otherwise).");
        return quoted ? CsvRows.Read(path, options, hinted ? null : separator) : TsvRows.Read(path, options, separator);
    }

    /// <summary>What to say where a file seems to have one column: another separator may stand in its first line.</summary>
    public static string? Hint(IReadOnlyList<string> columns)
    {
        if (columns.Count != 1) return null;
        var found = ",;\t|".Where(c => columns[0].Contains(c, StringComparison.Ordinal)).ToList();
        return found.Count == 0
            ? null
            : $"if {Name(found[0])} separate the columns, say so with --separator '{Written(found[0])}' (Separator in C#)";
    }

    public static string Name(char separator) => separator switch
    {
        ',' => "commas",
        ';' => "semicolons",
        '\t' => "tabs",
        '|' => "bars",
        _ => $"'{separator}'",
    };

    private static string Written(char separator) => separator == '\t' ? "tab" : separator.ToString();

    // The comma, unless it fails to give all records as many fields and another one succeeds.
    private static char SeparatorOf(string start)
    {
        var records = Counts(start);
        if (records.Count == 0) return ',';
        if (records[0][0] > 0 && records.All(record => record[0] == records[0][0])) return ',';
        for (var i = 1; i <= Others.Length; i++)
        {
            var first = records[0][i];
            if (first == 0) continue;
            var alike = records.Count(record => record[i] == first);
            if (records[0][0] == 0 ? alike * 2 > records.Count : alike == records.Count) return Others[i - 1];
        }
        return ',';
    }

    // How often each candidate stands outside quotes in each of the first records.
    private static List<int[]> Counts(string start)
    {
        var candidates = "," + Others;
        var (records, counts, inside, any) = (new List<int[]>(), new int[candidates.Length], false, false);
        foreach (var letter in start)
        {
            if (letter == '"') inside = !inside;
            else if (letter is '\n' or '\r' && !inside)
            {
                if (any) records.Add(counts);
                (counts, any) = (new int[candidates.Length], false);
                if (records.Count == Records) return records;
                continue;
            }
            else if (!inside && candidates.IndexOf(letter, StringComparison.Ordinal) is var at and >= 0) counts[at]++;
            any = true;
        }
        // The last record is whole only where the file ends with it.
        if (any && start.Length < LookedAt / 2) records.Add(counts);
        return records;
    }

    private static bool HeaderIsQuoted(string start, char separator)
    {
        var fields = start.Split('\n')[0].TrimEnd('\r').Split(separator);
        return fields.Length > 1 && fields.All(field => field.Length >= 2 && field[0] == '"' && field[^1] == '"');
    }

    // A field in quotes whose own quotes are all doubled, of which there is one at least: hardly a text that somebody wrote so.
    private static bool HasQuotedField(string start, char separator)
    {
        static bool IsQuoted(string field) =>
            field.Length > 4 && field[0] == '"' && field[^1] == '"' && field[1..^1] is var inside
            && inside.Contains("\"\"", StringComparison.Ordinal)
            && !inside.Replace("\"\"", "", StringComparison.Ordinal).Contains('"', StringComparison.Ordinal);
        return start.Split('\n').Any(line => line.TrimEnd('\r').Split(separator).Any(IsQuoted));
    }

    private static string Start(string path, DataOptions options)
    {
        using var stream = DataFile.Open(path, options);
        var bytes = new byte[LookedAt];
        var read = stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
        var text = Encoding.UTF8.GetString(bytes, 0, read);
        return text.StartsWith('\uFEFF') ? text[1..] : text;
    }
}
