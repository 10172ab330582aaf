using PeftSharp.Data;

namespace PeftSharp.Runs.Rows;

/// <summary>What was left out of data, and what was taken for granted in reading it.</summary>
public static class LeftOut
{
    private const int Named = 3;

    /// <summary>The lines for one dataset; none where all is as expected.</summary>
    public static IEnumerable<string> Lines(TextDataset data)
    {
        foreach (var remark in data.Remarks) yield return $"remark: {remark}";
        if (data.SkippedRows == 0) yield break;
        yield return $"{FileLayout.Rows(data.SkippedRows)} left out of {data.Source}:";
        foreach (var problem in data.Problems.Take(Named)) yield return $"  {problem}";
        if (data.SkippedRows > Named) yield return $"  and {FileLayout.Rows(data.SkippedRows - Named)} more";
    }

    /// <summary>A remark on rows that were cut; null where none was.</summary>
    internal static string? Cut(TokenizedDataset tokens, Caller caller)
    {
        if (tokens.TruncatedRows == 0) return null;
        var (are, were) = tokens.TruncatedRows == 1 ? ("is", "was") : ("are", "were");
        var rows = FileLayout.Rows(tokens.TruncatedRows);
        return $"{rows} of {tokens.Data.Source} {are} longer than {caller.Setting("max_length")} and {were} cut to "
            + $"{tokens.Lengths.Max()} tokens.";
    }
}
