using System.Globalization;
using PeftSharp.Data.Files;

namespace PeftSharp.Data;

/// <summary>Picks the columns out of delimited rows and checks each row.</summary>
internal static class DelimitedReader
{
    public static IEnumerable<RawExample> Read(
        string path, IEnumerable<DelimitedRow> rows, DataOptions options, BadRows bad, SharedColumns shared)
    {
        options = options.Usual.ByNumber(options);
        // A column given by number says that there are no names, unless the caller says otherwise.
        var hasHeader = options.HasHeader
            ?? new[] { options.Text, options.Pair, options.Label }.All(c => c is null || !c.All(char.IsAsciiDigit));
        if (!hasHeader && options.HasHeader is null) rows = HeaderGuess.Checked(path, rows, options);
        IReadOnlyList<string>? columns = null, names = null;
        ColumnMap map = default;
        KeptColumns? kept = null;
        var number = -1;
        foreach (var row in rows)
        {
            if (columns is not null || !hasHeader) number++;
            shared.FileRows[path] = number + 1;
            if (row.Problem is not null)
            {
                // Nothing can be said about a file whose header is unreadable.
                if (columns is null && hasHeader) throw new PeftException($"{path}, line {row.Line}: {row.Problem}.");
                bad.Report(path, row.Line, row.Problem);
                continue;
            }
            if (columns is null)
            {
                columns = row.Fields;
                names = hasHeader ? columns : [.. Enumerable.Range(1, columns.Count).Select(i => i.ToString(CultureInfo.InvariantCulture))];
                shared.Check(path, names);
                map = ColumnMap.Resolve(path, columns, hasHeader, options);
                kept = KeptColumns.Resolve(path, names, hasHeader, options, shared);
                string? Name(int column) => column < 0 ? null : names[column];
                shared.Read(
                    [
                        ("text", Name(map.Text)), ("pair", Name(map.Pair)), ("label", Name(map.Label)),
                        .. map.Flags.Select(flag => ("label", Name(flag))),
                    ]);
                if (hasHeader) UnreadText.Remark(path, names, Name(map.Text), Name(map.Pair), options, shared);
                shared.ReadFlags(path, [.. map.Flags.Select(flag => names[flag].Trim())]);
                if (hasHeader) continue;
            }
            if (row.Fields.Count == columns.Count) shared.Guess.See(names!, row.Fields);
            if (Check(row.Fields, columns, map, hasHeader, options) is { } problem) bad.Report(path, row.Line, problem);
            else yield return Pick(path, row, map, names!) with { Row = number, Kept = kept?.Of(row.Fields) };
        }
    }

    private static string? Check(
        IReadOnlyList<string> fields, IReadOnlyList<string> columns, ColumnMap map, bool hasHeader, DataOptions options)
    {
        if (fields.Count != columns.Count)
        {
            var source = hasHeader ? "the header" : "the first row";
            return $"{Columns(fields.Count)} found, {Columns(columns.Count)} expected as in {source}; correct the row or skip bad rows "
                + "(--skip-bad-rows)";
        }
        string Name(int column) => hasHeader ? $"column {BadRows.Quote(columns[column])}" : $"column {column + 1}";
        if (!options.AllowEmptyText)
        {
            if (string.IsNullOrWhiteSpace(fields[map.Text])) return Blank(Name(map.Text));
            if (map.Pair >= 0 && string.IsNullOrWhiteSpace(fields[map.Pair])) return Blank(Name(map.Pair));
        }
        foreach (var flag in map.Flags)
            if (LabelList.Flag(fields[flag]) is null) return LabelList.NoFlag(columns[flag], fields[flag]);
        // A row may have none of several labels.
        return map.Label >= 0 && options.Kind != LabelKind.MultiLabel && string.IsNullOrWhiteSpace(fields[map.Label])
            ? $"the label in {Name(map.Label)} is empty; give the row a label or skip bad rows (--skip-bad-rows)"
            : null;
    }

    /// <summary>The one sentence about a blank text, whichever way it comes in.</summary>
    /// <param name="name">The column, such as "column 'text'"; null where there are no columns.</param>
    public static string Blank(string? name) =>
        $"the text{(name is null ? "" : $" in {name}")} is empty; correct the row, skip bad rows (--skip-bad-rows), or allow blank texts "
        + "(--allow-blank)";

    private static RawExample Pick(string path, DelimitedRow row, ColumnMap map, IReadOnlyList<string> names) => new(
        path,
        row.Line,
        row.Fields[map.Text],
        map.Pair < 0 ? null : row.Fields[map.Pair],
        map.Flags.Length > 0 ? Held(row, map, names) : map.Label < 0 ? null : row.Fields[map.Label].Trim());

    private static string Held(DelimitedRow row, ColumnMap map, IReadOnlyList<string> names) =>
        LabelList.Write(map.Flags.Where(flag => LabelList.Flag(row.Fields[flag]) == true).Select(flag => names[flag].Trim()));

    private static string Columns(int count) => count == 1 ? "1 column" : $"{count} columns";
}
