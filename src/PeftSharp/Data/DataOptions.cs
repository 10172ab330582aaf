namespace PeftSharp.Data;

/// <summary>How to read a dataset file.</summary>
public sealed record DataOptions
{
    /// <summary>File format. Default: by extension.</summary>
    public DataFormat Format { get; init; }

    /// <summary>Column of the text: a name, or a number from 1. Default: recognised by its name, with the pair's.</summary>
    public string? Text { get; init; }

    /// <summary>Column of the second text: a name, or a number from 1. Default: recognised only if <see cref="Text"/> is too.</summary>
    public string? Pair { get; init; }

    /// <summary>Column of the label: a name, or a number from 1. Default: recognised by its name.</summary>
    public string? Label { get; init; }

    /// <summary>
    /// Columns of 0 and 1, one for each class, whose names are those of the classes (names, or numbers from 1, of a file with a header):
    /// any number of classes may hold at once. In place of <see cref="Label"/>. Default: none.
    /// </summary>
    public IReadOnlyList<string> LabelColumns { get; init; } = [];

    /// <summary>
    /// What separates the labels of a cell where a row may have several (<see cref="LabelKind.MultiLabel"/>). Default: the one of | ; ,
    /// that cells have; where they have several, the file is refused. Lists of JSON and parquet need none.
    /// </summary>
    public char? LabelSeparator { get; init; }

    /// <summary>Columns that a model was trained on: taken where the file has them and none is named above. Default: none.</summary>
    public UsualColumns Usual { get; init; } = new();

    /// <summary>Whether the first row names the columns. Default: yes, unless a column above is given by number; a first row that then
    /// looks like names of columns is refused.</summary>
    public bool? HasHeader { get; init; }

    /// <summary>What separates the columns of a .csv or .tsv file: one ASCII character. Default: told from the first lines.</summary>
    public char? Separator { get; init; }

    /// <summary>Whether double quotes enclose fields. Default: yes in .csv, no in .tsv unless its whole header is quoted.</summary>
    public bool? Quoted { get; init; }

    /// <summary>Names (or numbers from 1) of columns to keep with each row (<see cref="Example.Kept"/>). Default: none.</summary>
    public IReadOnlyList<string> Keep { get; init; } = [];

    /// <summary>True keeps every column. Default: false.</summary>
    public bool KeepAll { get; init; }

    /// <summary>Labels that stand for "none": rows that have one are left out and counted. Default: none.</summary>
    public IReadOnlyList<string> NoLabel { get; init; } = [];

    /// <summary>What the labels are. Default: told from the values (all integers, or words: classes; decimals: regression; lists: any
    /// number of classes at once).</summary>
    public LabelKind? Kind { get; init; }

    /// <summary>The classes that labels must belong to: give a development set those of its training set.</summary>
    public LabelMap? Labels { get; init; }

    /// <summary>Fail if there is no label column. Default: false, the dataset then has no labels.</summary>
    public bool RequireLabels { get; init; }

    /// <summary>Keep rows whose text is blank. Default: false, such a row is bad, whichever way it comes in.</summary>
    public bool AllowEmptyText { get; init; }

    /// <summary>What to do about bad rows. Default: stop at the first.</summary>
    public OnBadRow OnBadRow { get; init; }

    /// <summary>The longest line, in bytes, that is taken for one. Default: 16 MiB.</summary>
    public int MaxLineBytes { get; init; } = 16 << 20;

    /// <summary>How many times its size a gzip file may unpack to, once it has given 64 MiB. Default: 200; text gives 3 to 50.</summary>
    public int MaxExpansion { get; init; } = 200;

    /// <summary>Where rows are kept that are too many for the memory.</summary>
    public DataStorage Storage { get; init; } = new();
}
