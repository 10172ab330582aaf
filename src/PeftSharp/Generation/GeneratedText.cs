namespace PeftSharp.Generation;

/// <summary>The answer to one prompt.</summary>
/// <param name="Text">New text, without end token and stop text.</param>
/// <param name="Ids">New tokens, an end token or those of a stop text included.</param>
/// <param name="Reason">Why it ended.</param>
/// <param name="PromptTokens">Tokens of the prompt.</param>
public sealed record GeneratedText(string Text, IReadOnlyList<int> Ids, StopReason Reason, int PromptTokens)
{
    /// <summary>Tokens of the prompt that were not computed anew, since an earlier turn of the conversation had them.</summary>
    public int ReusedTokens { get; init; }
}
