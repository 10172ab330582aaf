using System.Globalization;
using System.Text;
using PeftSharp.Data.Files;
using PeftSharp.Tokenization.Unicode;

namespace PeftSharp.Data;

/// <summary>What is odd about the labels of a dataset: taken as they are, and said.</summary>
internal static class LabelRemarks
{
    private const int Named = 5, FewTargets = 10, LongestDecomposition = 18;

    // What people and programs write where there is no label. All may be classes too ("none" of the stances), hence a remark.
    private static readonly HashSet<string> Markers = new(StringComparer.OrdinalIgnoreCase)
    {
        "-1", "-100", "na", "n/a", "#n/a", "<na>", "nan", "none", "null", "nil", "?", "-", "--", "unknown", "unlabeled", "unlabelled",
        "undefined", "missing", "\\n",
    };

    /// <summary>Remarks on classes that were told from the labels themselves.</summary>
    /// <param name="map">The classes.</param>
    /// <param name="labels">The class of each row.</param>
    /// <param name="shared">Where to remark.</param>
    public static void OfClasses(LabelMap map, ReadOnlySpan<int> labels, SharedColumns shared)
    {
        var counts = new int[map.Count];
        foreach (var label in labels) counts[label]++;
        var used = OfNames(map, counts, shared);
        if (used.Count == 1 && labels.Length > 0)
            shared.Remark(
                $"All {Rows(labels.Length)} have one label, {BadRows.Quote(map.Names[used[0]])}: there is nothing to tell apart; check the "
                + "label column (--label-column).");
        if (used.Count > 10 && used.Count * 2 > labels.Length)
            shared.Remark(
                $"There are {used.Count:N0} classes for {Rows(labels.Length)}; check the label column (--label-column), or read the labels "
                + "as numbers (--problem regression).");
        if (used.Count > 0 && used.All(label => HasDecimalComma(map.Names[label])))
            shared.Remark($"Labels such as {BadRows.Quote(map.Names[used[0]])} are read as classes; write numbers with a point.");
        else if (used.FirstOrDefault(label => IsSeveral(map.Names[label], map), -1) is var several and >= 0)
            shared.Remark(
                $"Labels such as {BadRows.Quote(map.Names[several])} are read as one class each; where they name several that hold at "
                + "once, say --problem multi_label_classification.");
    }

    /// <summary>Remarks on labels of which a row may have several.</summary>
    /// <param name="map">The classes.</param>
    /// <param name="sets">The classes of each row.</param>
    /// <param name="shared">Where to remark.</param>
    public static void OfSets(LabelMap map, IReadOnlyList<int[]> sets, SharedColumns shared)
    {
        var counts = new int[map.Count];
        foreach (var set in sets)
            foreach (var label in set) counts[label]++;
        OfNames(map, counts, shared);
        if (sets.Count == 0) return;
        var same = Enumerable.Range(0, map.Count).Where(label => counts[label] == sets.Count || counts[label] == 0).ToList();
        if (same.Count == 0) return;
        var names = string.Join(" and ", same.Take(Named).Select(label => BadRows.Quote(map.Names[label])));
        var more = same.Count > Named ? $" and {same.Count - Named} more labels" : "";
        shared.Remark(
            $"{names}{more} {(same.Count == 1 ? "holds" : "hold")} for all rows or for none: nothing can be learnt about "
            + $"{(same.Count == 1 ? "it" : "them")}.");
    }

    // A list of JSON, or names of other classes with a separator between them.
    private static bool IsSeveral(string name, LabelMap map)
    {
        if (LabelList.IsJson(name)) return true;
        foreach (var separator in (char[])['|', ';', ','])
        {
            var parts = name.Split(separator, StringSplitOptions.TrimEntries);
            if (parts.Length > 1 && parts.All(map.Has)) return true;
        }
        return false;
    }

    // Markers for "none" and names that differ by little; gives the classes that occur.
    private static List<int> OfNames(LabelMap map, int[] counts, SharedColumns shared)
    {
        var used = Enumerable.Range(0, map.Count).Where(label => counts[label] > 0).ToList();
        string Class(int label) => $"{BadRows.Quote(map.Names[label])} ({Rows(counts[label])})";
        var markers = used.Where(label => Markers.Contains(map.Names[label].Trim())).ToList();
        if (markers.Count > 0)
        {
            shared.Remark(
                $"{string.Join(" and ", markers.Take(Named).Select(Class))} "
                + $"{(markers.Count == 1 ? "is read as a class, but may say" : "are read as classes, but may say")} "
                + "that a row has no label; leave such rows out with --no-label "
                + $"\"{string.Join(',', markers.Take(Named).Select(label => map.Names[label]))}\".");
        }
        foreach (var alike in used.GroupBy(label => Plain(map.Names[label])).Where(group => group.Count() > 1).Take(Named))
            shared.Remark(
                $"The classes {string.Join(" and ", alike.Take(Named).Select(Class))} differ in case, blanks or form of letters only; make "
                + "them one if they are.");
        return used;
    }

    /// <summary>Remarks on numbers that were taken for targets of a regression.</summary>
    public static void OfTargets(ReadOnlySpan<float> targets, SharedColumns shared)
    {
        var different = new HashSet<float>();
        foreach (var target in targets)
        {
            if (different.Add(target) && different.Count > FewTargets) return;
        }
        if (targets.Length < 2 * different.Count || !different.All(target => target == MathF.Round(target))) return;
        var values = different.Order().Select(target => target.ToString(CultureInfo.InvariantCulture));
        shared.Remark(
            $"Labels are written with decimals and so are read as numbers to predict, though only {string.Join(", ", values)} occur; are "
            + "they classes? Then say --problem classification.");
    }

    private static string Rows(int count) => count == 1 ? "1 row" : $"{count.ToString("N0", CultureInfo.InvariantCulture)} rows";

    private static bool HasDecimalComma(string name) =>
        name.Count(c => c == ',') == 1 && name.All(c => char.IsAsciiDigit(c) || c is ',' or '-');

    // Case, kinds of blanks, invisible characters and composed letters do not count.
    private static string Plain(string name)
    {
        if (LabelMap.TryInteger(name, out _)) return name;
        var visible = new StringBuilder();
        Span<int> parts = stackalloc int[LongestDecomposition];
        foreach (var rune in name.EnumerateRunes())
        {
            if (Rune.GetUnicodeCategory(rune) is UnicodeCategory.Format or UnicodeCategory.Control) continue;
            if (Rune.IsWhiteSpace(rune) || rune.Value is '_' or '-')
            {
                visible.Append(' ');
                continue;
            }
            // Not the runtime's normalization: it may be built without the tables.
            foreach (var part in parts[..UnicodeData.Decompose(rune.Value, compatibility: true, parts)]) visible.Append(new Rune(part));
        }
        return string.Join(' ', visible.ToString().ToLowerInvariant().Split(' ', StringSplitOptions.RemoveEmptyEntries));
    }
}
