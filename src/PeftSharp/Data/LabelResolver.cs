using System.Globalization;
using PeftSharp.Data.Files;
using PeftSharp.Data.Storage;

namespace PeftSharp.Data;

/// <summary>Understands the labels of a dataset once all rows are read: what kind they are, and each one's class or number.</summary>
internal static class LabelResolver
{
    /// <param name="rows">The rows as they were read.</param>
    /// <param name="options">What is known of the labels.</param>
    /// <param name="fileNames">The classes that the files' metadata name, or null.</param>
    /// <param name="bad">Where rows with bad labels are reported.</param>
    /// <param name="shared">Where what was taken for granted is remarked.</param>
    public static (LabelKind Kind, LabelMap? Labels, IReadOnlyList<Example> Examples) Resolve(
        RowStore rows, DataOptions options, IReadOnlyList<string>? fileNames, BadRows bad, SharedColumns shared)
    {
        var kind = KindOf(rows, options, fileNames, shared, out var numbersOnly);
        if (kind == LabelKind.MultiLabel)
        {
            var (classes, places, sets) = LabelSets.Resolve(rows, options, fileNames, bad, shared);
            var several = new StoredExamples(rows, places.Length == rows.Count ? null : places, null, null, sets);
            return (kind, classes, rows.OnDisk ? several : [.. several]);
        }
        var known = options.Labels ?? (fileNames is null ? null : new LabelMap(fileNames));
        var map = kind != LabelKind.Class ? null
            : known ?? LabelMap.From(rows.Select(row => row.Label!).Where(label => !numbersOnly || LabelMap.TryInteger(label, out _)));
        var labels = kind == LabelKind.Class ? new int[rows.Count] : null;
        var targets = kind == LabelKind.Regression ? new float[rows.Count] : null;
        var kept = new int[kind == LabelKind.None ? 0 : rows.Count];
        var good = 0;
        for (var i = 0; i < kept.Length; i++)
        {
            var row = rows[i];
            if (labels is not null && (labels[good] = map!.IndexOf(row.Label!)) < 0)
                bad.Report(row.File, row.Line, numbersOnly ? NotANumber(row.Label!) : Unknown(row.Label!, map));
            else if (targets is not null && !TryNumber(row.Label!, out targets[good]))
                bad.Report(row.File, row.Line, NotANumber(row.Label!));
            else
                kept[good++] = i;
        }
        if (map is not null && options.Labels is null) LabelRemarks.OfClasses(map, labels.AsSpan(0, good), shared);
        if (targets is not null && options.Kind is null) LabelRemarks.OfTargets(targets.AsSpan(0, good), shared);
        var examples = new StoredExamples(rows, good == kept.Length ? null : kept[..good], labels, targets);
        return (kind, map, rows.OnDisk ? examples : [.. examples]);
    }

    private static LabelKind KindOf(
        RowStore rows, DataOptions options, IReadOnlyList<string>? fileNames, SharedColumns shared, out bool numbersOnly)
    {
        numbersOnly = false;
        if (options.Kind == LabelKind.Tokens) return LabelKind.Tokens;
        if (rows.Count == 0 || rows[0].Label is null) return LabelKind.None;
        if (options.Kind == LabelKind.MultiLabel || shared.Lists == true && options.Kind is null) return LabelKind.MultiLabel;
        if (options.Labels is not null) return LabelKind.Class;
        if (options.Kind is { } kind) return kind;

        // One misspelt number must not turn a column of numbers into names: the majority decides.
        var (numbers, integers, unknown) = (0L, 0L, 0L);
        foreach (var row in rows)
        {
            if (!TryNumber(row.Label!, out _)) continue;
            numbers++;
            if (LabelMap.TryInteger(row.Label!, out _)) integers++;
            if (row.Label == "-1") unknown++;
        }
        if (unknown == rows.Count) return LabelKind.None; // how test sets say "unknown"
        if (fileNames is not null || numbers * 2 <= rows.Count) return LabelKind.Class;
        if (integers < numbers) return LabelKind.Regression;
        numbersOnly = true;
        return LabelKind.Class;
    }

    private static bool TryNumber(string text, out float value) =>
        float.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out value) && float.IsFinite(value);

    private static string NotANumber(string label) =>
        $"the label {BadRows.Quote(label)} is not a number, as labels of this file are; correct it, skip bad rows (--skip-bad-rows), or "
        + "read labels as classes (--problem classification, LabelKind.Class)";

    /// <summary>The sentence about a label that is no class.</summary>
    public static string Unknown(string label, LabelMap labels) =>
        $"the label {BadRows.Quote(label)} is none of the known ones ({string.Join(", ", labels.Names.Take(20).Select(BadRows.Quote))}"
        + $"{(labels.Count > 20 ? ", …" : "")}); correct it, skip bad rows (--skip-bad-rows), or add such rows to the training set";
}
