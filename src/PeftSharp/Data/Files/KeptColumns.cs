using System.Globalization;
using System.Text.Json;

namespace PeftSharp.Data.Files;

/// <summary>The columns of a file whose values stay with the rows.</summary>
/// <param name="places">Index of each column in the file, in the order of the names in <see cref="SharedColumns.Kept"/>; -1 where this file
/// lacks it.</param>
internal sealed class KeptColumns(int[] places)
{
    private const int MaxFields = 1000;

    /// <summary>Finds the columns that the options ask for; null if they ask for none.</summary>
    public static KeptColumns? Resolve(string path, IReadOnlyList<string> names, bool hasHeader, DataOptions options, SharedColumns shared)
    {
        if (options.Keep.Count == 0 && !options.KeepAll) return null;
        if (shared.Kept.Count == 0)
            shared.Kept.AddRange(
                options.KeepAll
                    ? names.Distinct()
                    : options.Keep.Select(name => names[ColumnMap.Find(path, names, hasHeader, "--keep", name)]).Distinct());
        return new KeptColumns([.. shared.Kept.Select(name => IndexOf(names, name))]);
    }

    /// <summary>The values of a row whose format has strings only.</summary>
    public KeptValue[] Of(IReadOnlyList<string> fields) =>
        Array.ConvertAll(places, place => new KeptValue(place < 0 ? null : fields[place], false));

    /// <summary>The values of a JSON row: fields that others lack are added to the columns where all are kept.</summary>
    public static KeptValue[]? OfJson(string path, JsonElement row, DataOptions options, SharedColumns shared)
    {
        if (options.Keep.Count == 0 && !options.KeepAll) return null;
        if (shared.Kept.Count == 0 && !options.KeepAll) shared.Kept.AddRange(options.Keep.Distinct());
        if (options.KeepAll)
        {
            foreach (var field in row.EnumerateObject())
            {
                if (shared.Kept.Contains(field.Name)) continue;
                if (shared.Kept.Count == MaxFields)
                    throw new PeftException(
                        $"{path}: its rows have more than {MaxFields:N0} different fields, too many to keep all; name those to "
                        + "keep (--keep).");
                shared.Kept.Add(field.Name);
            }
        }
        return [.. shared.Kept.Select(name => row.TryGetProperty(name, out var value) ? Of(value) : default)];
    }

    /// <summary>A number, boolean or string of a format that has types.</summary>
    public static KeptValue Typed(string? text, string type)
    {
        if (text is null || type is ParquetTypes.Text or ParquetTypes.Binary) return new KeptValue(text, false);
        // NaN and infinities are numbers there, and none in JSON.
        var isJson = type == "bool" || double.TryParse(text, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number);
        return new KeptValue(text, isJson);
    }

    private static KeptValue Of(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Null => default,
        JsonValueKind.String => new KeptValue(value.GetString(), false),
        _ => new KeptValue(value.GetRawText(), true),
    };

    private static int IndexOf(IReadOnlyList<string> names, string name)
    {
        for (var i = 0; i < names.Count; i++)
        {
            if (names[i] == name) return i;
        }
        return -1;
    }
}
