namespace PeftSharp.Data.Files;

/// <summary>The columns that all files of a dataset have in common: those of the first file.</summary>
internal sealed class SharedColumns
{
    private const int MaxRemarks = 20;

    private readonly List<string> _remarks = [];
    private string? _first;
    private IReadOnlyList<string> _columns = [];
    private IReadOnlyDictionary<string, string> _types = new Dictionary<string, string>();

    /// <summary>The classes that a file's metadata names; null where it names none.</summary>
    public IReadOnlyList<string>? ClassNames { get; private set; }

    /// <summary>
    /// True if labels are lists, so that any number of classes may hold at once, false if each row has one; null until a row tells.
    /// </summary>
    public bool? Lists { get; set; }

    /// <summary>What was taken for granted in reading the files, a sentence each.</summary>
    public IReadOnlyList<string> Remarks => _remarks;

    /// <summary>Names of the columns that are kept with each row.</summary>
    public List<string> Kept { get; } = [];

    /// <summary>Rows of each file, bad ones included.</summary>
    public Dictionary<string, int> FileRows { get; } = [];

    /// <summary>Types of the columns where the format has none.</summary>
    public TypeGuess Guess { get; } = new();

    /// <summary>What the columns are read as, by name.</summary>
    public IReadOnlyDictionary<string, string> Roles { get; private set; } = new Dictionary<string, string>();

    /// <summary>The columns with their types and roles.</summary>
    public IReadOnlyList<DatasetColumn> Columns =>
        [
            .. (_types.Count > 0 ? _types : Guess.Types).Select(
                column => new DatasetColumn(column.Key, column.Value, Roles.GetValueOrDefault(column.Key))),
        ];

    /// <summary>Says once what was taken for granted.</summary>
    public void Remark(string sentence)
    {
        if (_remarks.Count < MaxRemarks && !_remarks.Contains(sentence)) _remarks.Add(sentence);
    }

    /// <summary>Takes over what columns are read as; names may be missing.</summary>
    public void Read(params (string Role, string? Column)[] roles) =>
        Roles = roles.Where(role => role.Column is not null)
            .DistinctBy(role => role.Column)
            .ToDictionary(role => role.Column!, role => role.Role);

    /// <summary>What a column is read as; null where it is not read.</summary>
    public string? RoleOf(string column) => Roles.GetValueOrDefault(column);

    /// <summary>Takes the first file's columns over, and refuses a file that has others.</summary>
    /// <param name="path">The file.</param>
    /// <param name="columns">Names of its columns, in any order.</param>
    /// <param name="types">Types of its columns, where the format has them.</param>
    public void Check(string path, IReadOnlyList<string> columns, IReadOnlyDictionary<string, string>? types = null)
    {
        types ??= new Dictionary<string, string>();
        if (_first is null)
        {
            (_first, _columns, _types) = (path, columns, types);
            return;
        }
        if (_columns.Except(columns).FirstOrDefault() is { } missing)
            throw new PeftException(
                $"{path} has no column {BadRows.Quote(missing)}, which {_first} has; give files of one dataset with the same columns.");
        if (columns.Except(_columns).FirstOrDefault() is { } extra)
            throw new PeftException(
                $"{path} has a column {BadRows.Quote(extra)}, which {_first} has not; give files of one dataset with the same columns.");
        foreach (var (column, type) in types)
        {
            if (_types.TryGetValue(column, out var other) && other != type)
                throw new PeftException(
                    $"{path} holds {type} in the column {BadRows.Quote(column)}, where {_first} holds {other}; give files of one dataset "
                    + "with the same types.");
        }
    }

    /// <summary>Takes the names of columns of 0 and 1 over, which are those of the classes; does nothing where there are none.</summary>
    public void ReadFlags(string path, IReadOnlyList<string> names)
    {
        if (names.Count == 0) return;
        CheckClasses(path, names[0], names);
        Lists = true;
    }

    /// <summary>Takes the classes over that a file's metadata names, and refuses a file that names others.</summary>
    public void CheckClasses(string path, string column, IReadOnlyList<string> names)
    {
        if (ClassNames is not null && !ClassNames.SequenceEqual(names))
        {
            throw new PeftException($"{path} names the classes of the column {BadRows.Quote(column)} {List(names)}, "
                + $"but {_first} names them {List(ClassNames)}; give files of one dataset.");
        }
        ClassNames ??= names;
    }

    private static string List(IReadOnlyList<string> names) =>
        string.Join(", ", names.Take(10).Select(BadRows.Quote)) + (names.Count > 10 ? ", …" : "");
}
