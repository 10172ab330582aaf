using System.Text.Json;
using PeftSharp.Data.Files;

namespace PeftSharp.Data;

/// <summary>Picks the fields out of JSON rows: texts, or token ids that are there already.</summary>
internal static class JsonReader
{
    public static IEnumerable<RawExample> Read(
        string path, IEnumerable<JsonRow> rows, DataOptions options, BadRows bad, SharedColumns shared)
    {
        Fields? fields = null;
        var number = -1;
        foreach (var row in rows)
        {
            shared.FileRows[path] = ++number + 1;
            if (row.Problem is not null)
            {
                bad.Report(path, row.Line, row.Problem);
                continue;
            }
            if (fields is null)
            {
                fields = Fields.Resolve(path, row.Value, options);
                // Rows may have fields that others lack: only those that are read have to agree.
                shared.Check(path, [.. new[] { fields.Text ?? "input_ids", fields.Pair, fields.Label }.OfType<string>(), .. fields.Flags]);
                shared.Read(
                    [
                        ("text", fields.Text), ("pair", fields.Pair), ("label", fields.Label),
                        .. fields.Flags.Select(flag => ("label", (string?)flag)), .. fields.Text is null ? TokenRow.Roles : [],
                    ]);
                UnreadText.Remark(path, row.Value.EnumerateObject().Select(m => m.Name), fields.Text, fields.Pair, options, shared);
                shared.ReadFlags(path, fields.Flags);
            }
            shared.Guess.See(row.Value);
            var problem = fields.Pick(path, row, out var example);
            if (problem is null && options.Kind is null && fields.Label is not null) problem = fields.Mixes(row.Value, shared);
            if (problem is null) yield return example with { Row = number, Kept = KeptColumns.OfJson(path, row.Value, options, shared) };
            else bad.Report(path, row.Line, problem);
        }
    }

    /// <summary>The names of the fields, told from the first object.</summary>
    private sealed record Fields(string? Text, string? Pair, string? Label, bool AllowEmpty)
    {
        /// <summary>Fields of 0 and 1, one for each class; empty for none.</summary>
        public string[] Flags { get; init; } = [];

        private LabelKind? Kind { get; init; }

        public static Fields Resolve(string path, JsonElement first, DataOptions options)
        {
            string[] columns = [.. first.EnumerateObject().Select(property => property.Name)];
            string? Name(int index) => index < 0 ? null : columns[index];
            var ofIds = options.Text is null && columns.Contains("input_ids");
            var map = ofIds ? ColumnMap.OfLabels(path, columns, true, options) : ColumnMap.Resolve(path, columns, true, options);
            return new Fields(Name(map.Text), Name(map.Pair), Name(map.Label), ofIds || options.AllowEmptyText)
            {
                Flags = [.. map.Flags.Select(flag => columns[flag])],
                Kind = options.Kind,
            };
        }

        /// <summary>The first row tells whether labels are lists; what is wrong with one that is otherwise, or null.</summary>
        public string? Mixes(JsonElement row, SharedColumns shared)
        {
            var value = row.GetProperty(Label!);
            var list = value.ValueKind == JsonValueKind.Array;
            shared.Lists ??= list;
            if (list == shared.Lists) return null;
            return list ? NoList(Label!)
                : $"the label field '{Label}' holds a {JsonRows.Kind(value)} where other rows have lists; write a list, or say that rows "
                    + "have several labels (--problem multi_label_classification)";
        }

        private static string NoList(string name) =>
            $"the label field '{name}' holds an array, expected a number or a name; where a row has several labels, say so "
            + "(--problem multi_label_classification)";

        public string? Pick(string path, JsonRow row, out RawExample example)
        {
            example = default;
            string? label = null, text = "", pair = null;
            int[]? ids = null, types = null;
            if (Label is not null && TakeLabel(row.Value, Label, out label) is { } noLabel) return noLabel;
            if (Flags.Length > 0 && TakeFlags(row.Value, out label) is { } noFlag) return noFlag;
            if (Text is null)
            {
                if (TokenRow.Take(row.Value, out ids, out types) is { } noIds) return noIds;
            }
            else
            {
                if (TakeText(row.Value, Text, out text) is { } noText) return noText;
                if (Pair is not null && TakeText(row.Value, Pair, out pair) is { } noPair) return noPair;
            }
            example = new RawExample(path, row.Line, text!, pair, label?.Trim(), ids, types);
            return null;
        }

        private string? TakeText(JsonElement row, string name, out string? text)
        {
            text = null;
            if (!row.TryGetProperty(name, out var value))
                return $"the field '{name}' is missing; add it or skip bad rows (--skip-bad-rows)";
            if (value.ValueKind != JsonValueKind.String) return $"the field '{name}' holds a {JsonRows.Kind(value)}, expected a string";
            if (TryString(value, out text) is { } problem) return $"the field '{name}' {problem}";
            return !AllowEmpty && string.IsNullOrWhiteSpace(text) ? DelimitedReader.Blank($"the field '{name}'") : null;
        }

        private string? TakeFlags(JsonElement row, out string? label)
        {
            var held = new List<string>();
            label = null;
            foreach (var name in Flags)
            {
                if (!row.TryGetProperty(name, out var value)) return LabelList.NoFlag(name, null);
                string? text = null;
                if (value.ValueKind != JsonValueKind.String) text = value.GetRawText();
                else if (TryString(value, out text) is { } problem) return $"the label field '{name}' {problem}";
                if (LabelList.Flag(text) is not { } holds) return LabelList.NoFlag(name, text);
                if (holds) held.Add(name);
            }
            label = LabelList.Write(held);
            return null;
        }

        private string? TakeLabel(JsonElement row, string name, out string? label)
        {
            label = null;
            if (!row.TryGetProperty(name, out var value) || value.ValueKind == JsonValueKind.Null)
                return $"the label field '{name}' is missing; give the row a label or skip bad rows (--skip-bad-rows)";
            if (value.ValueKind == JsonValueKind.Array && Kind is LabelKind.Class or LabelKind.Regression)
                return NoList(name);
            if (value.ValueKind == JsonValueKind.Object)
                return $"the label field '{name}' holds an {JsonRows.Kind(value)}, expected a number or a name";
            if (value.ValueKind != JsonValueKind.String) label = value.GetRawText();
            else if (TryString(value, out label) is { } problem) return $"the label field '{name}' {problem}";
            return Kind != LabelKind.MultiLabel && string.IsNullOrWhiteSpace(label)
                ? $"the label field '{name}' is empty; give the row a label or skip bad rows (--skip-bad-rows)"
                : null;
        }

        // A parsed document may still hold bytes that are no text.
        private static string? TryString(JsonElement value, out string? text)
        {
            try
            {
                text = value.GetString()!;
                return null;
            }
            catch (InvalidOperationException)
            {
                text = null;
                return "holds text that is not valid UTF-8 or half of a surrogate pair; save the file as UTF-8 and correct its \\u escapes";
            }
        }
    }
}
