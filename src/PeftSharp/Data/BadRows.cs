namespace PeftSharp.Data;

/// <summary>Where the readers of a dataset's files report rows that cannot be used.</summary>
internal sealed class BadRows(OnBadRow policy)
{
    private const int Remembered = 10;
    private readonly List<string> _problems = [];

    public int Count { get; private set; }

    /// <summary>The first problems, as sentences.</summary>
    public IReadOnlyList<string> Problems => _problems;

    /// <summary>Reports a row: throws, or counts it, as the policy says.</summary>
    /// <param name="path">The file.</param>
    /// <param name="line">Line of the file, or row where it has no lines, from 1.</param>
    /// <param name="problem">What was found, expected and to be done: a clause without its full stop.</param>
    public void Report(string path, int line, string problem)
    {
        var sentence = $"{Place(path, line)}: {problem}.";
        if (policy == OnBadRow.Stop) throw new PeftException(sentence);
        Count++;
        if (_problems.Count < Remembered) _problems.Add(sentence);
    }

    /// <summary>Where a row stands: "file, line 3", or "file, row 3" where a file has no lines.</summary>
    public static string Place(string path, int line) =>
        $"{path}, {(path.EndsWith(".parquet", StringComparison.OrdinalIgnoreCase) ? "row" : "line")} {line}";

    /// <summary>Quotes a value of a file, shortened so that a message stays readable.</summary>
    public static string Quote(string value) =>
        $"'{(value.Length <= 40 ? value : value[..40] + "…").ReplaceLineEndings(" ")}'";
}
