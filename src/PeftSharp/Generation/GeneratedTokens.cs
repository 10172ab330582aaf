namespace PeftSharp.Generation;

/// <summary>The answer to one prompt, as token ids.</summary>
/// <param name="Ids">New tokens, an end token included.</param>
/// <param name="Reason">Why it ended.</param>
public sealed record GeneratedTokens(IReadOnlyList<int> Ids, StopReason Reason);
