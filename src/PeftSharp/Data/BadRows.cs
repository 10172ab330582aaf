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
        if (policy == OnBadRow.Stop) throw new PeftException($"{Place(path, line)}: {problem}.");
        LeaveOut(path, line, problem);
    }

    /// <summary>Counts a row that is left out whatever the policy: its user asked for it.</summary>
    public void LeaveOut(string path, int line, string problem)
    {
        Count++;
        if (_problems.Count < Remembered) _problems.Add($"{Place(path, line)}: {problem}.");
    }

    /// <summary>Where a row stands: "file, line 3", or "file, row 3" where a file has no lines.</summary>
    public static string Place(string path, int line) =>
        $"{path}, {Unit(path)} {line}";

    private static string Unit(string path)
    {
        if (path.EndsWith(".parquet", StringComparison.OrdinalIgnoreCase)) return "row";
        return path.StartsWith("--", StringComparison.Ordinal) ? "text" : "line"; // an option's texts have no lines
    }

    /// <summary>Quotes a value of a file, shortened so that a message stays readable.</summary>
    public static string Quote(string value) =>
        $"'{Short(value)}'";

    /// <summary>The value without the quotes: one visible line, never half a surrogate pair, 40 letters at most.</summary>
    public static string Short(string value)
    {
        var cut = value.Length <= 40 ? value : value[..(char.IsHighSurrogate(value[39]) ? 39 : 40)] + "…";
        return string.Concat(cut.ReplaceLineEndings(" ").Select(c => char.IsControl(c) && c != '\t' ? '?' : c));
    }
}
