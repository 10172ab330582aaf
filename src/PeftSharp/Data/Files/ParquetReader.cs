using System.Globalization;

namespace PeftSharp.Data.Files;

/// <summary>Picks the columns out of a parquet file: texts, or token ids that are there already.</summary>
internal static class ParquetReader
{
    public static IEnumerable<RawExample> Read(string path, DataOptions options, BadRows bad, SharedColumns shared)
    {
        using var file = ParquetFile.Open(path);
        shared.Check(path, file.ColumnNames, file.ColumnTypes);
        var columns = Columns.Resolve(file, options);
        shared.Read(
            [
                ("text", columns.Text), ("pair", columns.Pair), ("label", columns.Label),
                .. columns.Flags.Select(flag => ("label", (string?)flag)), .. columns.Text is null ? TokenRow.Roles : [],
            ]);
        UnreadText.Remark(path, file.ColumnNames, columns.Text, columns.Pair, options, shared);
        if (columns.Classes is not null) shared.CheckClasses(path, columns.Label!, columns.Classes);
        shared.ReadFlags(path, columns.Flags);
        if (columns.HasLists) shared.Lists = true;
        var kept = Kept(file, options, shared);
        file.CheckSize([.. columns.Names.Concat(kept ?? []).Distinct()]);
        var number = 0;
        for (var group = 0; group < file.Groups; group++)
        {
            var cells = new Cells(file, group, columns, kept, options);
            for (var row = 0; row < cells.Rows; row++)
            {
                shared.FileRows[path] = ++number;
                if (cells.Pick(row, number, out var example) is { } problem) bad.Report(path, number, problem);
                else yield return example with { Row = number - 1, Kept = cells.Kept(row) };
            }
        }
    }

    // Names of the columns that stay with the rows, in the dataset's order; null for none.
    private static string[]? Kept(ParquetFile file, DataOptions options, SharedColumns shared)
    {
        if (options.Keep.Count == 0 && !options.KeepAll) return null;
        if (shared.Kept.Count > 0) return [.. shared.Kept];
        string[] asked = options.KeepAll
            ? [.. file.ColumnNames]
            : [
                .. options.Keep.Select(name => file.ColumnNames[ColumnMap.Find(file.Path, file.ColumnNames, true, "--keep", name)])
                    .Distinct(),
            ];
        foreach (var column in asked)
        {
            if (ParquetTypes.IsScalar(file.ColumnTypes[column])) shared.Kept.Add(column);
            else if (options.KeepAll)
                shared.Remark($"{file.Path}: the column {BadRows.Quote(column)} holds {file.ColumnTypes[column]} and is not kept.");
            else throw new PeftException(
                $"{file.Path}: the column {BadRows.Quote(column)} holds {file.ColumnTypes[column]}, which cannot be kept; name a column of "
                + "strings, numbers or booleans (--keep).");
        }
        return [.. shared.Kept];
    }

    /// <summary>Names of the columns that are read; a file of token ids has no text.</summary>
    private sealed record Columns(string Path, string? Text, string? Pair, string? Label, IReadOnlyList<string>? Classes)
    {
        private IReadOnlyList<string> Ids { get; init; } = [];

        /// <summary>Columns of 0 and 1, one for each class; empty for none.</summary>
        public string[] Flags { get; init; } = [];

        /// <summary>True if the label column holds lists.</summary>
        public bool HasLists { get; init; }

        public static Columns Resolve(ParquetFile file, DataOptions options)
        {
            string? Name(int index) => index < 0 ? null : file.ColumnNames[index];
            var ids = options.Text is null && file.ColumnNames.Contains(TokenRow.Ids);
            var map = ids ? ColumnMap.OfLabels(file.Path, file.ColumnNames, true, options)
                : ColumnMap.Resolve(file.Path, file.ColumnNames, true, options);
            foreach (var text in new[] { Name(map.Text), Name(map.Pair) }.OfType<string>())
                Expect(file, text, type => type is ParquetTypes.Text or ParquetTypes.Binary, "strings");
            string[] lists = ids ? [.. file.ColumnNames.Intersect([TokenRow.Ids, TokenRow.Types, TokenRow.Mask])] : [];
            foreach (var list in lists) Expect(file, list, ParquetTypes.IsIntegerList, "lists of integers");
            string[] flags = [.. map.Flags.Select(flag => file.ColumnNames[flag])];
            foreach (var flag in flags) Expect(file, flag, IsLabel, "0 and 1");
            var label = Name(map.Label);
            if (label is null) return new Columns(file.Path, Name(map.Text), Name(map.Pair), null, null) { Ids = lists, Flags = flags };
            var inner = ParquetTypes.ElementOf(file.ColumnTypes[label]);
            if (inner is not null && options.Kind is null or LabelKind.MultiLabel)
                Expect(file, label, _ => IsLabel(inner), "lists of numbers or names");
            else Expect(file, label, IsLabel, "numbers, booleans or names");
            var classes = options.Kind != LabelKind.Regression && ParquetTypes.IsInteger(inner ?? file.ColumnTypes[label])
                ? file.ClassNames(label)
                : null;
            return new Columns(file.Path, Name(map.Text), Name(map.Pair), label, classes) { Ids = lists, HasLists = inner is not null };
        }

        private static bool IsLabel(string type) =>
            type is ParquetTypes.Text or ParquetTypes.Binary or "bool"
                || ParquetTypes.IsInteger(type)
                || type.StartsWith("float", StringComparison.Ordinal);

        /// <summary>The columns that are read.</summary>
        public IEnumerable<string> Names =>
            (Text is null && Ids.Count > 0 ? Label is null ? Ids : Ids.Append(Label) : new[] { Text, Pair, Label }.OfType<string>())
            .Concat(Flags);

        private static void Expect(ParquetFile file, string column, Func<string, bool> fits, string expected)
        {
            if (!fits(file.ColumnTypes[column]))
                throw new PeftException(
                    $"{file.Path}: the column {BadRows.Quote(column)} holds {file.ColumnTypes[column]}, expected {expected}; name another "
                    + "column, or convert it.");
        }
    }

    /// <summary>The columns of one row group.</summary>
    private sealed class Cells
    {
        private readonly Columns _columns;
        private readonly DataOptions _options;
        private readonly string?[]? _texts, _pairs, _labels;
        private readonly int[]?[]? _ids, _types, _masks;
        private readonly (string?[] Texts, string Type)[]? _kept;
        private readonly string?[]?[]? _labelLists;
        private readonly string?[][] _flags;
        private readonly bool _byNumber, _quotesElements;

        public Cells(ParquetFile file, int group, Columns columns, string[]? kept, DataOptions options)
        {
            (_columns, _options, Rows) = (columns, options, file.Rows(group));
            string?[]? Texts(string? column) =>
                column is null
                    ? null
                    : file.Read(group, column, (field, data) => ParquetCells.Texts(field, data, Rows, file.MaxTextLength));
            int[]?[]? Lists(string column) => columns.Text is not null || !file.ColumnNames.Contains(column) ? null
                : file.Read(group, column, (field, data) => ParquetCells.Lists(field, data, Rows));
            (_texts, _pairs) = (Texts(columns.Text), Texts(columns.Pair));
            if (!columns.HasLists) _labels = Texts(columns.Label);
            else
            {
                _labelLists =
                    file.Read(group, columns.Label!, (field, data) => ParquetCells.TextLists(field, data, Rows, file.MaxTextLength));
                _quotesElements = ParquetTypes.ElementOf(file.ColumnTypes[columns.Label!]) is ParquetTypes.Text or ParquetTypes.Binary;
            }
            _flags = [.. columns.Flags.Select(flag => Texts(flag)!)];
            (_ids, _types, _masks) = (Lists(TokenRow.Ids), Lists(TokenRow.Types), Lists(TokenRow.Mask));
            _kept = kept?.Select(column => (Texts(column)!, file.ColumnTypes[column])).ToArray();
            // A model may call its classes otherwise than the file does; their numbers are what is left to go by.
            _byNumber = options.Labels is { } known && columns.Classes is { } names && !names.Intersect(known.Names).Any();
        }

        public int Rows { get; }

        public KeptValue[]? Kept(int row) =>
            _kept is null ? null : Array.ConvertAll(_kept, column => KeptColumns.Typed(column.Texts[row], column.Type));

        public string? Pick(int row, int number, out RawExample example)
        {
            example = default;
            string? label = null;
            if (_labels is not null && TakeLabel(_labels[row], out label) is { } noLabel) return noLabel;
            if (_labelLists is not null && TakeList(_labelLists[row], out label) is { } noList) return noList;
            if (_flags.Length > 0 && TakeFlags(row, out label) is { } noFlag) return noFlag;
            var (ids, types) = (_ids?[row], _types?[row]);
            if (_texts is null)
            {
                if ((Numbers(TokenRow.Ids, ids) ?? Numbers(TokenRow.Types, types) ?? Numbers(TokenRow.Mask, _masks?[row])) is { } noNumber)
                    return noNumber;
                if (TokenRow.Trim(ref ids, ref types, _masks?[row]) is { } problem) return problem;
            }
            else if (
                (TakeText(_columns.Text!, _texts[row]) ?? (_pairs is null ? null : TakeText(_columns.Pair!, _pairs[row]))) is { } noText)
                return noText;
            example = new RawExample(_columns.Path, number, _texts?[row] ?? "", _pairs?[row], label, ids, types);
            return null;
        }

        private string? TakeText(string column, string? text)
        {
            if (text is null)
                return $"the column {BadRows.Quote(column)} holds nothing, or bytes that are not UTF-8, expected a text; correct the row "
                    + "or skip bad rows (--skip-bad-rows)";
            return !_options.AllowEmptyText && string.IsNullOrWhiteSpace(text)
                ? DelimitedReader.Blank($"column {BadRows.Quote(column)}")
                : null;
        }

        private string? TakeFlags(int row, out string? label)
        {
            var held = new List<string>();
            label = null;
            for (var i = 0; i < _flags.Length; i++)
            {
                if (LabelList.Flag(_flags[i][row]) is not { } holds) return LabelList.NoFlag(_columns.Flags[i], _flags[i][row]);
                if (holds) held.Add(_columns.Flags[i]);
            }
            label = LabelList.Write(held);
            return null;
        }

        private string? TakeList(string?[]? values, out string? label)
        {
            label = null;
            if (values is null || Array.IndexOf(values, null) >= 0)
                return $"the labels in column {BadRows.Quote(_columns.Label!)} are no list of numbers or names; correct the row or skip "
                    + "bad rows (--skip-bad-rows)";
            string[] names = [.. values.Select(value => value!)];
            for (var i = 0; i < names.Length && _columns.Classes is not null; i++)
                if (NameOf(names[i], out names[i]) is { } problem) return problem;
            var quoted = _quotesElements || _columns.Classes is not null;
            label = quoted ? LabelList.Write(names) : $"[{string.Join(',', names)}]";
            return null;
        }

        private string? TakeLabel(string? value, out string? label)
        {
            label = value?.Trim();
            if (string.IsNullOrEmpty(label) && _options.Kind == LabelKind.MultiLabel)
            {
                label = "";
                return null;
            }
            if (string.IsNullOrEmpty(label))
                return $"the label in column {BadRows.Quote(_columns.Label!)} is empty; give the row a label or skip bad rows "
                    + "(--skip-bad-rows)";
            return _columns.Classes is null || label == "-1" ? null : NameOf(label, out label);
        }

        // The name that the file's metadata gives a number.
        private string? NameOf(string number, out string name)
        {
            name = number;
            var names = _columns.Classes!;
            if (!int.TryParse(number, CultureInfo.InvariantCulture, out var index) || index < 0 || index >= names.Count)
                return $"the label {BadRows.Quote(number)} is outside the {names.Count} classes that the file's metadata names; correct it "
                    + "or skip bad rows (--skip-bad-rows)";
            if (!_byNumber) name = names[index];
            return null;
        }

        private static string? Numbers(string column, int[]? values) =>
            values is not null && Array.IndexOf(values, -1) is var at and >= 0
                ? $"element {at + 1} of '{column}' is missing, negative or too large, expected an integer of 0 or more"
                : null;
    }
}
