namespace PeftSharp.Runs.Estimates;

/// <summary>A batch that was run, and how long it took.</summary>
/// <param name="Rows">Rows.</param>
/// <param name="Tokens">Padded tokens a row, and the vectors that an adapter puts before them.</param>
/// <param name="Passes">Parts in which it went through the model.</param>
/// <param name="Work">Its work in tokens, attention included.</param>
/// <param name="Seconds">Wall-clock seconds.</param>
public sealed record ProbedBatch(int Rows, int Tokens, int Passes, double Work, double Seconds);
