namespace PeftSharp.Data;

/// <summary>Names of the columns that are read where a file has them and nobody names others.</summary>
/// <param name="Text">The text, or the first of two; null for none.</param>
/// <param name="Pair">The second text; null for none.</param>
/// <param name="Label">The label; null for none.</param>
public sealed record UsualColumns(string? Text = null, string? Pair = null, string? Label = null)
{
    /// <summary>
    /// Columns of 0 and 1, one for each class, where no label column is named: taken if the file has all of them. Default: none.
    /// </summary>
    public IReadOnlyList<string> Flags { get; init; } = [];

    /// <summary>Options with these columns where they are numbers: such files have no header to look them up in.</summary>
    internal DataOptions ByNumber(DataOptions options)
    {
        if (
            Text is null || !Text.All(char.IsAsciiDigit) || options.Text is not null || options.Pair is not null
                || options.Label is not null)
            return options;
        return options with { Text = Text, Pair = Pair, Label = options.Kind is LabelKind.None or LabelKind.Tokens ? null : Label };
    }
}
