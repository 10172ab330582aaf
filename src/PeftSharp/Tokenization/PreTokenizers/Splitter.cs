namespace PeftSharp.Tokenization.PreTokenizers;

/// <summary>A pre-tokenizer that divides each piece by itself and changes no text.</summary>
internal abstract class Splitter : IPreTokenizer
{
    public void Apply(PreTokenizedText text)
    {
        text.BeginDivision();
        foreach (var piece in text.Pieces)
        {
            if (piece.TokenId >= 0)
            {
                text.Add(piece);
            }
            else
            {
                Split(text.Text.Chars[piece.Start..piece.End], piece.Start, text);
            }
        }
        text.EndDivision();
    }

    /// <summary>Adds the parts of a piece that begins at <paramref name="origin"/> to <paramref name="output"/>.</summary>
    protected abstract void Split(ReadOnlySpan<char> piece, int origin, PreTokenizedText output);
}
