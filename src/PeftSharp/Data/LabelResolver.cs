using System.Globalization;

namespace PeftSharp.Data;

/// <summary>Understands the labels of a file once all are read: what kind they are, and each one's class or number.</summary>
internal static class LabelResolver
{
    public static (LabelKind Kind, LabelMap? Labels, List<Example> Examples) Resolve(List<RawExample> rows, DataOptions options, BadRows bad)
    {
        var kind = KindOf(rows, options, out var numbersOnly);
        var labels = kind != LabelKind.Class ? null
            : options.Labels ?? LabelMap.From(rows.Select(row => row.Label!).Where(label => !numbersOnly || LabelMap.TryInteger(label, out _)));
        var examples = new List<Example>(rows.Count);
        foreach (var row in rows)
        {
            var (label, target) = (-1, float.NaN);
            if (kind == LabelKind.Class && (label = labels!.IndexOf(row.Label!)) < 0)
                bad.Report(row.Line, numbersOnly ? NotANumber(row.Label!) : Unknown(row.Label!, labels));
            else if (kind == LabelKind.Regression && !TryNumber(row.Label!, out target))
                bad.Report(row.Line, NotANumber(row.Label!));
            else
                examples.Add(new Example(row.Text, row.Pair, label, target, row.Line, row.InputIds, row.TypeIds));
        }
        return (kind, labels, examples);
    }

    private static LabelKind KindOf(List<RawExample> rows, DataOptions options, out bool numbersOnly)
    {
        numbersOnly = false;
        if (rows.Count == 0 || rows[0].Label is null) return LabelKind.None;
        if (options.Labels is not null) return LabelKind.Class;
        if (options.Kind is { } kind) return kind;

        // One misspelt number must not turn a column of numbers into names: the majority decides.
        var numbers = rows.Where(row => TryNumber(row.Label!, out _)).Select(row => row.Label!).ToList();
        if (numbers.Count * 2 <= rows.Count) return LabelKind.Class;
        if (numbers.Count == rows.Count && numbers.TrueForAll(label => label == "-1")) return LabelKind.None; // how test sets say "unknown"
        if (!numbers.TrueForAll(label => LabelMap.TryInteger(label, out _))) return LabelKind.Regression;
        numbersOnly = true;
        return LabelKind.Class;
    }

    private static bool TryNumber(string text, out float value) =>
        float.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out value) && float.IsFinite(value);

    private static string NotANumber(string label) =>
        $"the label {BadRows.Quote(label)} is not a number, as labels of this file are; correct it, skip bad rows, or set the kind of labels to Class";

    private static string Unknown(string label, LabelMap labels) =>
        $"the label {BadRows.Quote(label)} is none of the known ones ({string.Join(", ", labels.Names.Take(20).Select(BadRows.Quote))}"
        + $"{(labels.Count > 20 ? ", …" : "")}); correct it, skip bad rows, or add such rows to the training set";
}
