namespace PeftSharp.Tokenization.SentencePiece;

/// <summary>A piece of a SentencePiece model; its id is its place.</summary>
/// <param name="Text">Its text, spaces as U+2581.</param>
/// <param name="Score">Its score; of BPE, the order of merges.</param>
/// <param name="Kind">What it is.</param>
internal readonly record struct ScoredPiece(string Text, float Score, PieceKind Kind);
