namespace PeftSharp.Tokenization.Models;

/// <summary>A token of a word, and the UTF-16 units [Start, End) of the word that it covers.</summary>
internal readonly record struct TokenPiece(int Id, int Start, int End);
