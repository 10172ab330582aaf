using PeftSharp.Tokenization.Normalizers;

namespace PeftSharp.Tokenization.PreTokenizers;

/// <summary>A stretch of normalized text: a word still to be tokenized, or an added token found whole.</summary>
internal readonly record struct Piece(int Start, int End, int TokenId = -1);
