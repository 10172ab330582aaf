namespace PeftSharp.Tokenization.Models;

/// <summary>Divides one word into tokens. Instances are shared between threads.</summary>
internal interface ITokenModel
{
    void Tokenize(ReadOnlySpan<char> word, List<TokenPiece> output);
}
