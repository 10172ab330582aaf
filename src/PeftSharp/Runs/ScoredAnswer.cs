namespace PeftSharp.Runs;

/// <summary>What a model wrote to a prompt, beside what it could have written.</summary>
/// <param name="Prompt">The prompt; of a conversation all turns before the answer, a line each.</param>
/// <param name="Answer">What the model wrote.</param>
/// <param name="References">The answers that the rows give to this prompt, in their order.</param>
/// <param name="RougeL">The answer's ROUGE-L, 0 to 100 (<see cref="PeftSharp.Metrics.RougeL"/>).</param>
public sealed record ScoredAnswer(string Prompt, string Answer, IReadOnlyList<string> References, double RougeL);
