namespace PeftSharp.Metrics;

/// <summary>What <see cref="Bleu.Corpus"/> found.</summary>
/// <param name="Score">BLEU, 0 to 100.</param>
/// <param name="Precisions">Shares of the answers' runs of 1 to 4 tokens that a reference has too, 0 to 100, smoothed where none has.
/// </param>
/// <param name="BrevityPenalty">What answers shorter than their references cost, 0 to 1.</param>
/// <param name="AnswerTokens">Tokens of all answers.</param>
/// <param name="ReferenceTokens">Tokens of the references nearest in length, one for each answer.</param>
internal sealed record BleuScore(
    double Score, IReadOnlyList<double> Precisions, double BrevityPenalty, long AnswerTokens, long ReferenceTokens);
