using System.Globalization;
using System.Text.Json;
using PeftSharp.Files.Json;

namespace PeftSharp.Data;

/// <summary>
/// The labels of a row that may have several: a JSON list of names or whole numbers, a JSON list of 0.0 and 1.0 with one number for each
/// class, or names with a separator between them. Blank text is a list of none.
/// </summary>
/// <param name="Names">The labels in their order; of a list of 0.0 and 1.0 the indices of the ones.</param>
/// <param name="Classes">How many classes a list of 0.0 and 1.0 speaks of; null for other lists.</param>
internal readonly record struct LabelList(IReadOnlyList<string> Names, int? Classes)
{
    /// <summary>More labels than any row has.</summary>
    public const int Most = 4096;

    private static readonly JsonDocumentOptions Strict = new() { MaxDepth = 4, AllowDuplicateProperties = false };

    private static readonly LabelList None = new([], null);

    /// <summary>The labels as a JSON list, which <see cref="Read"/> understands.</summary>
    public static string Write(IEnumerable<string> names) => JsonText.Line(JsonText.Texts(names));

    /// <summary>True if the text is written as a JSON list is.</summary>
    public static bool IsJson(string text) => text.StartsWith('[') && text.EndsWith(']');

    /// <summary>Understands the labels of a row.</summary>
    /// <param name="text">What the row has, without blanks at its ends.</param>
    /// <param name="separator">What separates names; null where nothing does.</param>
    /// <param name="labels">The labels.</param>
    /// <returns>What is wrong with them, as a clause without its full stop; null if nothing is.</returns>
    public static string? Read(string text, char? separator, out LabelList labels)
    {
        labels = None;
        if (string.IsNullOrWhiteSpace(text)) return null;
        var problem = IsJson(text) ? FromJson(text, out labels) : FromText(text, separator, out labels);
        if (problem is not null) return problem;
        if (labels.Names.Count > Most) return $"the row has {labels.Names.Count:N0} labels, more than {Most:N0}; check the label column";
        var seen = new HashSet<string>(StringComparer.Ordinal);
        var twice = labels.Names.FirstOrDefault(name => !seen.Add(name));
        if (twice is null) return null;
        return $"the labels {BadRows.Quote(text)} name {BadRows.Quote(twice)} twice; name each label once, or, if they are a 0 or 1 for "
            + "each class, write 0.0 and 1.0 or give a column for each (--label-columns)";
    }

    /// <summary>Understands the cell of a column of 0 and 1.</summary>
    /// <returns>Whether the class holds; null if the cell does not say.</returns>
    public static bool? Flag(string? text) => text?.Trim().ToLowerInvariant() switch
    {
        "1" or "1.0" or "true" => true,
        "0" or "0.0" or "false" => false,
        _ => null,
    };

    /// <summary>The sentence about a cell that is neither 0 nor 1.</summary>
    public static string NoFlag(string column, string? text) =>
        $"the column {BadRows.Quote(column)} holds {(string.IsNullOrWhiteSpace(text) ? "nothing" : BadRows.Quote(text))}, expected 0 or 1; "
        + "correct the row or skip bad rows (--skip-bad-rows)";

    private static string? FromText(string text, char? separator, out LabelList labels)
    {
        string[] names = separator is { } letter ? text.Split(letter, StringSplitOptions.TrimEntries) : [text];
        labels = new(names, null);
        return names.All(name => name.Length > 0) ? null
            : $"the labels {BadRows.Quote(text)} have nothing between two separators ({separator}); correct the row or skip bad rows "
                + "(--skip-bad-rows)";
    }

    private static string? FromJson(string text, out LabelList labels)
    {
        labels = None;
        try
        {
            using var document = JsonDocument.Parse(text, Strict);
            var elements = document.RootElement.EnumerateArray().ToList();
            if (elements.Any(IsReal)) return FromVector(text, elements, out labels);
            var names = new List<string>(elements.Count);
            foreach (var element in elements)
            {
                if (element.ValueKind is not (JsonValueKind.String or JsonValueKind.Number))
                    return $"the labels {BadRows.Quote(text)} hold a {JsonRows.Kind(element)}, expected names or whole numbers";
                var name = element.ValueKind == JsonValueKind.String ? element.GetString()!.Trim() : element.GetRawText();
                if (name.Length == 0) return $"the labels {BadRows.Quote(text)} hold an empty name; leave it out";
                names.Add(name);
            }
            labels = new(names, null);
            return null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return $"the labels {BadRows.Quote(text)} are no JSON list of names, such as [\"a\", \"b\"]; correct the row or skip bad "
                + "rows (--skip-bad-rows)";
        }
    }

    private static bool IsReal(JsonElement element) =>
        element.ValueKind == JsonValueKind.Number && element.GetRawText().AsSpan().IndexOfAny('.', 'e', 'E') >= 0;

    // As datasets for Hugging Face's loss of several labels have it: one number for each class.
    private static string? FromVector(string text, List<JsonElement> elements, out LabelList labels)
    {
        labels = None;
        var names = new List<string>();
        for (var i = 0; i < elements.Count; i++)
        {
            if (elements[i].ValueKind != JsonValueKind.Number || elements[i].GetDouble() is not (0 or 1))
                return $"the labels {BadRows.Quote(text)} are numbers with a point and not 0.0 or 1.0 alone, one for each class; write "
                    + "them so, or name the labels";
            if (elements[i].GetDouble() == 1) names.Add(i.ToString(CultureInfo.InvariantCulture));
        }
        labels = new(names, elements.Count);
        return null;
    }
}
