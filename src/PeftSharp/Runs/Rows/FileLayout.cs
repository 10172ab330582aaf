using System.Globalization;
using PeftSharp.Runs.Recipes;

namespace PeftSharp.Runs.Rows;

/// <summary>How data files are to be read where their own lines do not tell it: the same for all verbs.</summary>
public sealed record FileLayout
{
    /// <summary>Whether the first row names the columns; null: told from how columns are given.</summary>
    public bool? Header { get; init; }

    /// <summary>What separates columns; null: told from the first lines.</summary>
    public char? Separator { get; init; }

    /// <summary>Whether double quotes enclose fields; null: told from the kind of file.</summary>
    public bool? Quoted { get; init; }

    /// <summary>True takes blank texts instead of refusing them; default false.</summary>
    public bool AllowBlank { get; init; }

    /// <summary>Labels that stand for none.</summary>
    public IReadOnlyList<string> NoLabel { get; init; } = [];

    /// <summary>What separates the labels of a cell, where a row may have several; null: told from the cells.</summary>
    public char? LabelSeparator { get; init; }

    /// <summary>What columns of labels are, in one sentence.</summary>
    public const string LabelColumnsHelp =
        "Columns of 0 and 1, one for each class, where any number of classes may hold at once; their names are those of the classes";

    /// <summary>What <see cref="LabelSeparator"/> is, in one sentence.</summary>
    public const string LabelSeparatorHelp =
        "What separates the labels of a cell, where a row may have several: a character, or bar, semicolon, comma. Default: told from them";

    /// <summary>What <see cref="Header"/> is, in one sentence.</summary>
    public const string HeaderHelp =
        "Whether the first row of a .tsv or .csv file names the columns: yes or no. Default: yes, unless columns are given by number";

    /// <summary>What <see cref="Separator"/> is, in one sentence.</summary>
    public const string SeparatorHelp =
        "What separates the columns of a .tsv or .csv file: a character, or tab, comma, semicolon, bar. Default: told from the first lines";

    /// <summary>What <see cref="Quoted"/> is, in one sentence.</summary>
    public const string QuotedHelp = "Whether double quotes enclose fields: yes or no. Default: yes in .csv, no in .tsv";

    /// <summary>What <see cref="AllowBlank"/> does, in one sentence.</summary>
    public const string AllowBlankHelp = "Take blank texts instead of refusing them";

    /// <summary>What <see cref="NoLabel"/> is, in one sentence.</summary>
    public const string NoLabelHelp = "Labels that stand for none, such as \"-1,NA\": rows that have one are left out and counted";

    /// <summary>A separator as people write it.</summary>
    public static char SeparatorOf(string text) => text.ToLowerInvariant() switch
    {
        "tab" or "\\t" or "\t" => '\t',
        "comma" => ',',
        "semicolon" => ';',
        "bar" or "pipe" => '|',
        "space" => ' ',
        { Length: 1 } one when char.IsAscii(one[0]) && one[0] is not ('"' or '\r' or '\n') => text[0],
        _ => throw new BadValueException("one ASCII character that is no quote, or tab, comma, semicolon or bar"),
    };

    /// <summary>Labels with commas between them.</summary>
    public static string[] LabelsOf(string text) => Values.List(text) is { Length: > 0 } labels
        ? labels
        : throw new BadValueException("labels with commas between them");

    /// <summary>Names of columns with commas between them.</summary>
    public static string[] ColumnsOf(string text) => Values.List(text) is { Length: > 0 } columns
        ? columns
        : throw new BadValueException("names of columns with commas between them");

    /// <summary>A count with its noun.</summary>
    public static string Rows(int count) => count == 1 ? "1 row" : $"{count.ToString("N0", CultureInfo.InvariantCulture)} rows";
}
