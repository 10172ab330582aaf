using System.Globalization;
using System.Text.RegularExpressions;

namespace PeftSharp.Data.Files;

/// <summary>
/// Refuses a first row that looks like names of columns where columns are given by number, so that it would be read as a row.
/// </summary>
internal static partial class HeaderGuess
{
    private const int Rows = 100, Letters = 1 << 22;

    /// <summary>The same rows, the first of them looked at.</summary>
    public static IEnumerable<DelimitedRow> Checked(string path, IEnumerable<DelimitedRow> rows, DataOptions options)
    {
        var (head, letters) = (new List<DelimitedRow>(), 0L);
        using var source = rows.GetEnumerator();
        while (head.Count < Rows && letters < Letters && source.MoveNext())
        {
            head.Add(source.Current);
            letters += source.Current.Fields.Sum(field => field.Length);
        }
        Check(path, head, options);
        foreach (var row in head) yield return row;
        while (source.MoveNext()) yield return source.Current;
    }

    private static void Check(string path, List<DelimitedRow> head, DataOptions options)
    {
        if (head.Count == 0 || head[0].Problem is not null) return;
        var first = head[0].Fields;
        var others = head.Skip(1).Where(row => row.Problem is null && row.Fields.Count == first.Count).Select(row => row.Fields).ToList();
        if (Reason(first, others, options) is not { } reason) return;
        throw new PeftException(
            $"{path}, line {head[0].Line}: {string.Join(", ", first.Take(10).Select(BadRows.Quote))} look like names of columns, not like "
            + $"a row: {reason}; "
            + "say which (--header yes or --header no, HasHeader in C#).");
    }

    private static string? Reason(IReadOnlyList<string> first, List<IReadOnlyList<string>> others, DataOptions options)
    {
        if (first.Any(field => field.Trim().Length is 0 or > 60 || IsNumber(field)) || first.Distinct().Count() < first.Count) return null;
        var (text, label) = (Column(options.Text, first.Count), Column(options.Label, first.Count));
        if (text >= 0 && ColumnMap.IsKnown(first[text]) || label >= 0 && ColumnMap.IsKnown(first[label]))
            return "columns of that name are usual";
        for (var column = 0; column < first.Count; column++)
        {
            if (others.Count >= 2 && others.All(row => IsNumber(row[column])))
                return $"column {column + 1} holds numbers in all other rows";
        }
        if (text < 0 || others.Count == 0 || !Identifier().IsMatch(first[text].Trim())) return null;
        if (label >= 0)
        {
            var labels = others.Select(row => row[label].Trim()).ToList();
            return Identifier().IsMatch(first[label].Trim())
                && !labels.Contains(first[label].Trim())
                && (labels.Count < 3 || labels.Distinct().Count() < labels.Count)
                ? $"the label {BadRows.Quote(first[label])} stands in this row alone"
                : null;
        }
        return first.Count > 1
            && first.All(field => Identifier().IsMatch(field.Trim()))
            && others.Count(row => row[text].Trim().Contains(' ')) * 2 > others.Count
            ? "each is a single word"
            : null;
    }

    private static bool IsNumber(string field) => double.TryParse(field, CultureInfo.InvariantCulture, out _);

    private static int Column(string? option, int count) =>
        int.TryParse(option, out var number) && number >= 1 && number <= count ? number - 1 : -1;

    // One word, or several joined as in names of variables.
    [GeneratedRegex(@"^[\p{L}_#][\p{L}\p{N}_.\-#]*$")]
    private static partial Regex Identifier();
}
