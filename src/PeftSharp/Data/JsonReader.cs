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
                shared.Check(path, [.. new[] { fields.Text ?? "input_ids", fields.Pair, fields.Label }.OfType<string>()]);
                shared.Read(
                    [("text", fields.Text), ("pair", fields.Pair), ("label", fields.Label), .. fields.Text is null ? TokenRow.Roles : []]);
            }
            shared.Guess.See(row.Value);
            var problem = fields.Pick(path, row, out var example);
            if (problem is null) yield return example with { Row = number, Kept = KeptColumns.OfJson(path, row.Value, options, shared) };
            else bad.Report(path, row.Line, problem);
        }
    }

    /// <summary>The names of the fields, told from the first object.</summary>
    private sealed record Fields(string? Text, string? Pair, string? Label, bool AllowEmpty)
    {
        public static Fields Resolve(string path, JsonElement first, DataOptions options)
        {
            string[] columns = [.. first.EnumerateObject().Select(property => property.Name)];
            string? Name(int index) => index < 0 ? null : columns[index];
            if (options.Text is null && columns.Contains("input_ids"))
                return new Fields(null, null, Name(ColumnMap.ResolveLabel(path, columns, true, options)), true);
            var map = ColumnMap.Resolve(path, columns, true, options);
            return new Fields(Name(map.Text), Name(map.Pair), Name(map.Label), options.AllowEmptyText);
        }

        public string? Pick(string path, JsonRow row, out RawExample example)
        {
            example = default;
            string? label = null, text = "", pair = null;
            int[]? ids = null, types = null;
            if (Label is not null && TakeLabel(row.Value, Label, out label) is { } noLabel) return noLabel;
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

        private static string? TakeLabel(JsonElement row, string name, out string? label)
        {
            label = null;
            if (!row.TryGetProperty(name, out var value) || value.ValueKind == JsonValueKind.Null)
                return $"the label field '{name}' is missing; give the row a label or skip bad rows (--skip-bad-rows)";
            if (value.ValueKind is JsonValueKind.Array or JsonValueKind.Object)
                return $"the label field '{name}' holds an {JsonRows.Kind(value)}, expected a number or a name";
            if (value.ValueKind != JsonValueKind.String) label = value.GetRawText();
            else if (TryString(value, out label) is { } problem) return $"the label field '{name}' {problem}";
            return string.IsNullOrWhiteSpace(label)
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
