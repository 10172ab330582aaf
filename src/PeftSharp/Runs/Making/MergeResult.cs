namespace PeftSharp.Runs.Making;

/// <summary>What came of a merge.</summary>
/// <param name="LargestDifference">Of any output on the probe rows, before and after.</param>
/// <param name="Probes">Rows that were asked.</param>
/// <param name="Remarks">What is worth a remark, a sentence each.</param>
public sealed record MergeResult(double LargestDifference, int Probes, IReadOnlyList<string> Remarks)
{
    /// <summary>What was lost where the merged weights were written in few bits; null where they were not.</summary>
    public Requantization? Lost { get; init; }
}
