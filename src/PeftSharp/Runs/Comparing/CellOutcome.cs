namespace PeftSharp.Runs.Comparing;

/// <summary>What became of a cell: a result, a failure, or nothing for want of time.</summary>
/// <param name="Result">What it measured; null where it failed or was left out.</param>
/// <param name="IsEarlier">True if it had finished before.</param>
/// <param name="Failure">Why it failed.</param>
/// <param name="LeftOut">Why it was not begun.</param>
internal sealed record CellOutcome(CellResult? Result, bool IsEarlier = false, string? Failure = null, string? LeftOut = null);
