namespace PeftSharp.Data.Files;

/// <summary>A column that looks like the second of two texts and is not read: said, unless somebody named what is read.</summary>
internal static class UnreadText
{
    // The second of two texts under names that public datasets give it.
    private static readonly string[] Seconds =
    [
        "sentence2", "hypothesis", "question2", "#2 String", "text2", "text_b", "text_pair", "passage", "context", "answer", "response",
        "second",
    ];

    /// <summary>Remarks such a column of a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="columns">Names of its columns, as they stand there.</param>
    /// <param name="text">The column that is read as the text; null for token ids.</param>
    /// <param name="pair">The column that is read as the second text; null for none.</param>
    /// <param name="options">What was asked for, and what training read.</param>
    /// <param name="shared">Takes the remark.</param>
    public static void Remark(
        string path, IEnumerable<string> columns, string? text, string? pair, DataOptions options, SharedColumns shared)
    {
        if (text is null || pair is not null || options.Kind == LabelKind.Tokens) return;
        if (options.Text is not null || options.Usual.Text is not null) return;
        var first = text.Trim();
        string[] numbered = [$"{first}2", $"{first}_2", $"{first} 2", $"{first}_b", $"second_{first}"];
        var found = columns.FirstOrDefault(column =>
            numbered.Concat(Seconds).Contains(column.Trim(), StringComparer.OrdinalIgnoreCase)
            && shared.RoleOf(column) is null);
        if (found is null) return;
        shared.Remark(
            $"{path}: the column {BadRows.Quote(found.Trim())} looks like a second text and is not read; read pairs with "
            + $"--pair-column {BadRows.Quote(found.Trim())}, or name the text alone with --text-column {BadRows.Quote(first)}.");
    }
}
