using PeftSharp.Data.Files;
using PeftSharp.Data.Storage;

namespace PeftSharp.Data;

/// <summary>Understands the labels of rows that may have several at once: the classes that there are, and the set of each row.</summary>
internal static class LabelSets
{
    private const int MostClasses = 1 << 16, Remembered = 1 << 16;

    private static readonly char[] Separators = ['|', ';', ','];

    /// <summary>Finds the classes, and each row's set of them.</summary>
    /// <param name="rows">The rows as they were read.</param>
    /// <param name="options">What is known of the labels.</param>
    /// <param name="fileNames">The classes that the files name (columns of 0 and 1, metadata), or null.</param>
    /// <param name="bad">Where rows with bad labels are reported.</param>
    /// <param name="shared">Where what was taken for granted is remarked.</param>
    /// <returns>The classes; the rows that are good; the set of each good row, its classes ascending.</returns>
    /// <exception cref="PeftException">Nothing tells what separates the labels of a cell, or no row has a label.</exception>
    public static (LabelMap Labels, int[] Kept, int[][] Sets) Resolve(
        RowStore rows, DataOptions options, IReadOnlyList<string>? fileNames, BadRows bad, SharedColumns shared)
    {
        var separator = options.LabelSeparator ?? SeparatorOf(rows, shared);
        var known = options.Labels ?? (fileNames is null ? null : new LabelMap(fileNames));
        var map = known ?? Found(rows, separator);
        var sets = new Dictionary<string, int[]>(StringComparer.Ordinal);
        var (kept, chosen) = (new List<int>(rows.Count), new List<int[]>(rows.Count));
        for (var i = 0; i < rows.Count; i++)
        {
            var row = rows[i];
            if (!sets.TryGetValue(row.Label!, out var set))
            {
                if (Understand(row.Label!, separator, map, out set) is { } problem)
                {
                    bad.Report(row.File, row.Line, problem);
                    continue;
                }
                // Few sets stand for many rows: each is kept once.
                if (sets.Count < Remembered) sets.Add(row.Label!, set);
            }
            kept.Add(i);
            chosen.Add(set);
        }
        if (options.Labels is null) LabelRemarks.OfSets(map, chosen, shared);
        return (map, [.. kept], [.. chosen]);
    }

    private static string? Understand(string text, char? separator, LabelMap map, out int[] set)
    {
        set = [];
        if (LabelList.Read(text, separator, out var list) is { } problem) return problem;
        if (list.Classes is { } classes && classes != map.Count)
            return $"the labels are a list of {classes} numbers, but there are {map.Count} classes; give a number for each class";
        var places = new int[list.Names.Count];
        for (var i = 0; i < places.Length; i++)
        {
            places[i] = list.Classes is null ? map.IndexOf(list.Names[i])
                : int.Parse(list.Names[i], System.Globalization.CultureInfo.InvariantCulture);
            if (places[i] < 0) return LabelResolver.Unknown(list.Names[i], map);
        }
        // "1" and "01" are one class.
        set = [.. places.Distinct().Order()];
        return null;
    }

    // The classes that occur; of lists of 0.0 and 1.0 as many as the first has numbers.
    private static LabelMap Found(RowStore rows, char? separator)
    {
        var (names, looked) = (new HashSet<string>(StringComparer.Ordinal), new HashSet<string>(StringComparer.Ordinal));
        string? first = null;
        foreach (var row in rows)
        {
            if (looked.Count < Remembered && !looked.Add(row.Label!)) continue;
            if (LabelList.Read(row.Label!, separator, out var list) is { } problem)
            {
                first ??= $"{BadRows.Place(row.File, row.Line)}: {problem}.";
                continue;
            }
            if (list.Classes is { } classes and > 0)
                return new(Enumerable.Range(0, classes).Select(i => i.ToString(System.Globalization.CultureInfo.InvariantCulture)));
            names.UnionWith(list.Names);
            if (names.Count > MostClasses)
                throw new PeftException(
                    $"{row.File} has more than {MostClasses:N0} different labels; check the label column (--label-column) and what "
                    + "separates labels (--label-separator).");
        }
        if (names.Count == 0)
            throw new PeftException(
                first ?? $"{(rows.Count == 0 ? "The dataset" : rows[0].File)} has no row with a label, so nothing says which there are; "
                + "check the label column (--label-column).");
        return LabelMap.From(names);
    }

    // Lists of JSON need none.
    private static char? SeparatorOf(RowStore rows, SharedColumns shared)
    {
        var counts = new int[Separators.Length];
        (string File, int Line)? first = null;
        foreach (var row in rows)
        {
            if (LabelList.IsJson(row.Label!)) continue;
            for (var i = 0; i < counts.Length; i++)
            {
                if (!row.Label!.Contains(Separators[i])) continue;
                counts[i]++;
                first ??= (row.File, row.Line);
            }
        }
        char[] found = [.. Separators.Where((_, i) => counts[i] > 0)];
        if (found.Length == 0) return null;
        if (found.Length > 1)
            throw new PeftException(
                $"{BadRows.Place(first!.Value.File, first.Value.Line)}: labels have {string.Join(" and ", found.Select(c => $"'{c}'"))} in "
                + "them, and nothing says which of them separates one label from the next; say so (--label-separator, "
                + "DataOptions.LabelSeparator), or write JSON lists.");
        shared.Remark(
            $"Labels are taken to be separated by '{found[0]}', which {counts.Max():N0} rows have; --label-separator says otherwise.");
        return found[0];
    }
}
